/** Fixed windows: when each ends, and its hits. The first hit starts it. */
import type { Count, Limit } from './counters.ts'
import type { Rows } from './rows.ts'

const COUNT_MAX = 0xffff_ffff

export class FixedRows implements Rows {
  static readonly bytes = 12

  #ends: Float64Array
  #counts: Uint32Array

  constructor(capacity: number, memory: ArrayBufferLike = new ArrayBuffer(capacity * FixedRows.bytes)) {
    this.#ends = new Float64Array(memory, 0, capacity)
    this.#counts = new Uint32Array(memory, capacity * 8, capacity)
  }

  hit(row: number, { windowMs }: Limit, now: number): Count {
    if (this.isOver(row, now)) {
      this.#ends[row] = now + windowMs
      this.#counts[row] = 0
    }
    // Stops at the top: wrapping round to 0 would lift the limit.
    if (this.#counts[row]! < COUNT_MAX) this.#counts[row]!++
    return { current: this.#counts[row]!, ttl: this.#ttl(row, windowMs, now) }
  }

  blank({ windowMs }: Limit, _now: number): Count {
    return { current: 1, ttl: windowMs }
  }

  peek(row: number, limit: Limit, now: number): Count {
    if (this.isOver(row, now)) return this.blank(limit, now)
    return { current: this.#counts[row]! + 1, ttl: this.#ttl(row, limit.windowMs, now) }
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
    const rows = new FixedRows(capacity)
    rows.#ends.set(this.#ends.subarray(0, capacity))
    rows.#counts.set(this.#counts.subarray(0, capacity))
    this.#ends = rows.#ends
    this.#counts = rows.#counts
  }

  /** `now + window - now` may come out a trifle longer than the window. */
  #ttl(row: number, windowMs: number, now: number): number {
    return Math.min(this.#ends[row]! - now, windowMs)
  }
}
