/** The stores of every cache item, for the one gauge that adds them up. */
import type { Instruments, Purges } from '#gateway'
import type { Replica } from './replica.ts'
import { MemoryStore } from './store.ts'

export class Stores {
  readonly #open = new Set<MemoryStore>()

  open(
    bounds: { readonly maxTotal: number; readonly maxObject: number },
    { purges, replica }: { readonly purges: Purges; readonly replica: Replica | null },
  ): ItemStore {
    const store = new ItemStore(bounds.maxTotal, bounds.maxObject, () => {
      this.#open.delete(store)
      deafen()
      leave?.()
    })
    const deafen = purges.listen((isMeant) => store.purge(isMeant))
    const leave = replica?.follow(store)
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
