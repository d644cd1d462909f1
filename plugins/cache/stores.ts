/** The stores of every cache item, for the one gauge that adds them up. */
import type { Instruments } from '#gateway'
import { MemoryStore } from './store.ts'

export class Stores {
  readonly #open = new Set<MemoryStore>()

  open(maxTotal: number, maxObject: number): ItemStore {
    const store = new ItemStore(maxTotal, maxObject, () => this.#open.delete(store))
    this.#open.add(store)
    return store
  }

  measure(metrics: Instruments): void {
    metrics.gauge('cache_bytes', 'Bytes of answers kept by caches, arriving ones included.', [], (gauge) => {
      let bytes = 0
      for (const store of this.#open) bytes += store.bytes
      gauge.set(bytes)
    })
  }
}

/** One item's store; closed when no generation uses the item any more. */
export class ItemStore extends MemoryStore {
  readonly #closed: () => void

  constructor(maxTotal: number, maxObject: number, closed: () => void) {
    super(maxTotal, maxObject)
    this.#closed = closed
  }

  close(): void {
    this.clear()
    this.#closed()
  }
}
