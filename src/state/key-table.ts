/**
 * The keys of one counter, dense: a key costs its string, an entry of its index and a row of numbers, and a sweep reads memory in
 * order. Knows no clock and no bound: see memory-counters.ts.
 */
import type { Algorithm, Count, Limit } from './counters.ts'
import { KeyIndex } from './key-index.ts'
import { makeRows, type Rows } from './rows.ts'

const INITIAL_CAPACITY = 16
/** The row that newcomers share when the store is full. */
const OVERFLOW = 0

export class KeyTable {
  readonly #rowOf = new KeyIndex()
  readonly #keys: string[] = ['']
  readonly #rows: Rows
  #capacity = INITIAL_CAPACITY
  #cursor = 1

  constructor(algorithm: Algorithm) {
    this.#rows = makeRows(algorithm, INITIAL_CAPACITY)
    this.#rows.clear(OVERFLOW)
  }

  /** Keys held, those for which nothing counts any more and no sweep has met included. */
  get size(): number {
    return this.#keys.length - 1
  }

  /** Counts a hit on a key that has a row. Null: it has none. */
  hit(key: string, limit: Limit, now: number): Count | null {
    const row = this.#rowOf.get(key)
    return row === undefined ? null : this.#rows.hit(row, limit, now)
  }

  /** Gives a key its row, with one hit in it. */
  open(key: string, limit: Limit, now: number): Count {
    const row = this.#keys.length
    if (row === this.#capacity) this.#resize(row * 2)
    this.#keys.push(key)
    this.#rowOf.set(key, row)
    this.#rows.clear(row)
    return this.#rows.hit(row, limit, now)
  }

  /** What a hit on the key would find, wherever it would be counted. */
  peek(key: string, limit: Limit, now: number): Count {
    return this.#rows.peek(this.#rowOf.get(key) ?? OVERFLOW, limit, now)
  }

  /** Something counts in the shared row: a key counted there must not get a fresh count elsewhere meanwhile. */
  isOverflowing(now: number): boolean {
    return !this.#rows.isOver(OVERFLOW, now)
  }

  hitOverflow(limit: Limit, now: number): Count {
    return this.#rows.hit(OVERFLOW, limit, now)
  }

  /** Drops keys for which nothing counts any more among the next `count`, round and round. Returns how many it dropped. */
  sweep(count: number, now: number): number {
    let dropped = 0
    for (let left = Math.min(count, this.size); left > 0 && this.size > 0; left--) {
      if (this.#cursor > this.size) this.#cursor = 1
      if (this.#rows.isOver(this.#cursor, now)) {
        this.#drop(this.#cursor)
        dropped++
      } else {
        this.#cursor++
      }
    }
    if (dropped > 0 && this.#capacity > INITIAL_CAPACITY && this.size < this.#capacity / 4) {
      this.#resize(this.#capacity / 2)
    }
    return dropped
  }

  /** The last key moves into the hole: rows stay dense. */
  #drop(row: number): void {
    this.#rowOf.delete(this.#keys[row]!)
    const last = this.#keys.pop()!
    const from = this.#keys.length
    if (from === row) return
    this.#keys[row] = last
    this.#rows.move(from, row)
    this.#rowOf.set(last, row)
  }

  #resize(capacity: number): void {
    this.#rows.resize(capacity)
    this.#capacity = capacity
  }
}
