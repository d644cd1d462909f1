/** How much happened in the last while, and how much of it was of the kind that is looked for. Costs ten numbers, no list of times. */

const SLICES = 10

export class RecentShare {
  readonly #sliceMs: number
  readonly #all = new Float64Array(SLICES)
  readonly #marked = new Float64Array(SLICES)
  /** Number of the newest slice, counted from the clock's zero. */
  #newest = 0

  constructor(windowMs: number) {
    this.#sliceMs = windowMs / SLICES
  }

  /** `now` in milliseconds of a clock that never goes back. */
  add(now: number): void {
    this.#all[this.#turn(now)]!++
  }

  mark(now: number): void {
    this.#marked[this.#turn(now)]!++
  }

  all(now: number): number {
    this.#turn(now)
    return sum(this.#all)
  }

  marked(now: number): number {
    this.#turn(now)
    return sum(this.#marked)
  }

  clear(): void {
    this.#all.fill(0)
    this.#marked.fill(0)
  }

  /** Empties the slices that have passed since, and gives the index of the present one. */
  #turn(now: number): number {
    const slice = Math.floor(now / this.#sliceMs)
    const passed = Math.min(slice - this.#newest, SLICES)
    for (let i = 0; i < passed; i++) {
      const index = (slice - i) % SLICES
      this.#all[index] = 0
      this.#marked[index] = 0
    }
    if (passed > 0) this.#newest = slice
    return this.#newest % SLICES
  }
}

function sum(slices: Float64Array): number {
  let total = 0
  for (const count of slices) total += count
  return total
}
