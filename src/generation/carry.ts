/** What survives a swap, by key and reference count: pools, counters, caches. The last generation to let go closes it. */

interface Entry {
  readonly value: object
  references: number
}

export class Carry {
  readonly #entries = new Map<string, Entry>()

  /** The object under the key, made if there is none; held until `release` is called as often. */
  acquire<T extends object>(key: string, create: () => T): T {
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = { value: create(), references: 0 }
      this.#entries.set(key, entry)
    }
    entry.references++
    return entry.value as T
  }

  /** Holds what is held already once more. */
  hold(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) throw new Error('what is to be held once more is not there')
    entry.references++
  }

  release(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) throw new Error('a carried object is released more often than acquired')
    entry.references--
    if (entry.references > 0) return
    this.#entries.delete(key)
    if (isClosable(entry.value)) entry.value.close()
  }

  /** Objects held at present, for leak tests. */
  get size(): number {
    return this.#entries.size
  }

  /** Every object held whose key begins so. */
  *values<T>(prefix: string): Generator<T> {
    for (const [key, entry] of this.#entries) if (key.startsWith(prefix)) yield entry.value as T
  }
}

function isClosable(value: object): value is { close(): void } {
  return 'close' in value && typeof value.close === 'function'
}
