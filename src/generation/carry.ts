/** What survives a swap, by key and reference count: pools, counters, caches. The last generation to let go closes it. */

interface Entry {
  readonly value: object
  /** Which one it was to come. */
  readonly number: number
  references: number
}

/** One table would grow all at once: of 40,000 keys, for 10 ms. */
const TABLES = 64

export class Carry {
  readonly #tables = Array.from({ length: TABLES }, () => new Map<string, Entry>())
  #made = 0

  /** The object under the key, made if there is none; held until `release` is called as often. */
  acquire<T extends object>(key: string, create: () => T): T {
    const table = this.#table(key)
    let entry = table.get(key)
    if (entry === undefined) {
      entry = { value: create(), number: this.#made++, references: 0 }
      table.set(key, entry)
    }
    entry.references++
    return entry.value as T
  }

  /** Holds what is held already once more. */
  hold(key: string): void {
    const entry = this.#table(key).get(key)
    if (entry === undefined) throw new Error('what is to be held once more is not there')
    entry.references++
  }

  release(key: string): void {
    const table = this.#table(key)
    const entry = table.get(key)
    if (entry === undefined) throw new Error('a carried object is released more often than acquired')
    entry.references--
    if (entry.references > 0) return
    table.delete(key)
    if (isClosable(entry.value)) entry.value.close()
  }

  /** Objects held at present, for leak tests. */
  get size(): number {
    return this.#tables.reduce((sum, { size }) => sum + size, 0)
  }

  /** Every object held whose key begins so, in the order in which they came. */
  values<T>(prefix: string): T[] {
    const found: Entry[] = []
    for (const table of this.#tables) for (const [key, entry] of table) if (key.startsWith(prefix)) found.push(entry)
    return found.sort((a, b) => a.number - b.number).map(({ value }) => value as T)
  }

  /** Keys end in what tells them apart. */
  #table(key: string): Map<string, Entry> {
    let sum = 0
    for (let at = Math.max(0, key.length - 8); at < key.length; at++) sum += key.charCodeAt(at)
    return this.#tables[sum % TABLES]!
  }
}

function isClosable(value: object): value is { close(): void } {
  return 'close' in value && typeof value.close === 'function'
}
