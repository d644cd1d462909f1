/** Fixed windows: when each ends, and its hits. The first hit starts it. */
import type { Count } from './counters.ts'
import type { Rows } from './rows.ts'

const COUNT_MAX = 0xffff_ffff

export class FixedRows implements Rows {
  readonly #windowMs: number
  #ends = new Float64Array(0)
  #counts = new Uint32Array(0)

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  hit(row: number, _max: number, now: number): Count {
    if (this.isOver(row, now)) {
      this.#ends[row] = now + this.#windowMs
      this.#counts[row] = 0
    }
    // Stops at the top: wrapping round to 0 would lift the limit.
    if (this.#counts[row]! < COUNT_MAX) this.#counts[row]!++
    // `end - now` may come out a trifle longer than the window.
    return { current: this.#counts[row]!, ttl: Math.min(this.#ends[row]! - now, this.#windowMs) }
  }

  peek(row: number, _max: number, now: number): Count {
    if (this.isOver(row, now)) return { current: 1, ttl: this.#windowMs }
    return { current: this.#counts[row]! + 1, ttl: Math.min(this.#ends[row]! - now, this.#windowMs) }
  }

  isOver(row: number, now: number): boolean {
    return this.#ends[row]! <= now
  }

  clear(row: number): void {
    this.#ends[row] = 0
  }

  move(from: number, to: number): void {
    this.#ends[to] = this.#ends[from]!
    this.#counts[to] = this.#counts[from]!
  }

  resize(capacity: number): void {
    const ends = new Float64Array(capacity)
    const counts = new Uint32Array(capacity)
    ends.set(this.#ends.subarray(0, capacity))
    counts.set(this.#counts.subarray(0, capacity))
    this.#ends = ends
    this.#counts = counts
  }
}
