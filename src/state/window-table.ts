/**
 * The windows of one counter, dense in typed arrays: a key costs its string, a Map entry and 20 bytes, and a sweep
 * reads memory in order. Knows no clock and no bound: see memory-counters.ts.
 */
import type { Count } from './counters.ts'

const INITIAL_CAPACITY = 16
const COUNT_MAX = 0xffff_ffff

export class WindowTable {
  readonly #slots = new Map<string, number>()
  readonly #keys: string[] = []
  #ends = new Float64Array(INITIAL_CAPACITY)
  #counts = new Uint32Array(INITIAL_CAPACITY)
  #cursor = 0
  #overflowEnd = 0
  #overflowCount = 0

  /** Windows held, ended ones that no sweep has met yet included. */
  get size(): number {
    return this.#keys.length
  }

  /** Counts a hit on a key that has a place; its ended window starts again. Null: the key has none. */
  hit(key: string, windowMs: number, now: number): Count | null {
    const slot = this.#slots.get(key)
    if (slot === undefined) return null
    if (this.#ends[slot]! <= now) {
      this.#ends[slot] = now + windowMs
      this.#counts[slot] = 0
    }
    // Stops at the top: wrapping round to 0 would lift the limit.
    if (this.#counts[slot]! < COUNT_MAX) this.#counts[slot]!++
    return { current: this.#counts[slot]!, ttl: this.#ends[slot]! - now }
  }

  /** Gives a key its first window, with one hit in it. */
  open(key: string, windowMs: number, now: number): Count {
    const slot = this.#keys.length
    if (slot === this.#ends.length) this.#resize(slot * 2)
    this.#keys.push(key)
    this.#slots.set(key, slot)
    this.#ends[slot] = now + windowMs
    this.#counts[slot] = 1
    return { current: 1, ttl: windowMs }
  }

  /** What the key's running window holds; null when it has none. */
  peek(key: string, now: number): Count | null {
    const slot = this.#slots.get(key)
    if (slot === undefined || this.#ends[slot]! <= now) return null
    return { current: this.#counts[slot]!, ttl: this.#ends[slot]! - now }
  }

  has(key: string): boolean {
    return this.#slots.has(key)
  }

  /** The window that newcomers share is running: a key counted there must not get a fresh count elsewhere meanwhile. */
  isOverflowing(now: number): boolean {
    return this.#overflowEnd > now
  }

  hitOverflow(windowMs: number, now: number): Count {
    if (!this.isOverflowing(now)) {
      this.#overflowEnd = now + windowMs
      this.#overflowCount = 0
    }
    this.#overflowCount++
    return { current: this.#overflowCount, ttl: this.#overflowEnd - now }
  }

  peekOverflow(now: number): Count {
    return { current: this.#overflowCount, ttl: this.#overflowEnd - now }
  }

  /** Drops ended windows among the next `count` slots, round and round. Returns how many it dropped. */
  sweep(count: number, now: number): number {
    let dropped = 0
    for (let left = Math.min(count, this.size); left > 0 && this.size > 0; left--) {
      if (this.#cursor >= this.size) this.#cursor = 0
      if (this.#ends[this.#cursor]! > now) {
        this.#cursor++
      } else {
        this.#drop(this.#cursor)
        dropped++
      }
    }
    const capacity = this.#ends.length
    if (dropped > 0 && capacity > INITIAL_CAPACITY && this.size < capacity / 4) this.#resize(capacity / 2)
    return dropped
  }

  /** The last window moves into the hole: the arrays stay dense. */
  #drop(slot: number): void {
    this.#slots.delete(this.#keys[slot]!)
    const last = this.#keys.pop()!
    const from = this.#keys.length
    if (from === slot) return
    this.#keys[slot] = last
    this.#ends[slot] = this.#ends[from]!
    this.#counts[slot] = this.#counts[from]!
    this.#slots.set(last, slot)
  }

  #resize(capacity: number): void {
    const ends = new Float64Array(capacity)
    const counts = new Uint32Array(capacity)
    ends.set(this.#ends.subarray(0, this.size))
    counts.set(this.#counts.subarray(0, this.size))
    this.#ends = ends
    this.#counts = counts
  }
}
