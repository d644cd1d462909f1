/**
 * Where the numbers of series live: pages that another thread can be given to read. A thread that dies takes none of its
 * counts with it, and a scrape asks nobody. Only the thread that took cells writes them; torn reads do not happen (aligned words).
 */

export interface Cells {
  readonly page: Float64Array
  /** Of the first cell in the page. */
  readonly at: number
}

/** Small, so that one long-lived series does not keep much memory from being collected. */
const PAGE_CELLS = 512

export class CellPages {
  readonly #shared: boolean
  #page: Float64Array = new Float64Array(0)
  #next = 0

  constructor({ shared }: { readonly shared: boolean }) {
    this.#shared = shared
  }

  /** Cells at 0, at most a page of them. */
  take(count: number): Cells {
    if (this.#next + count > this.#page.length) {
      const bytes = Math.max(PAGE_CELLS, count) * Float64Array.BYTES_PER_ELEMENT
      this.#page = new Float64Array(this.#shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes))
      this.#next = 0
    }
    const cells = { page: this.#page, at: this.#next }
    this.#next += count
    return cells
  }
}
