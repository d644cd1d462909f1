/** Sliding windows: a ring of counts by slice for each row, its newest slice, and when the last of them stops counting. */
import type { Count, Limit } from './counters.ts'
import type { Rows } from './rows.ts'
import { endOfSlice, RING, sliceAt } from './slices.ts'

/** Before the first slice: a new row has none. */
const NEVER = -RING

export class SlidingRows implements Rows {
  static readonly bytes = 16 + 4 * RING

  #ends: Float64Array
  #newest: Float64Array
  #counts: Uint32Array

  constructor(capacity: number, memory: ArrayBufferLike = new ArrayBuffer(capacity * SlidingRows.bytes)) {
    this.#ends = new Float64Array(memory, 0, capacity)
    this.#newest = new Float64Array(memory, capacity * 8, capacity)
    this.#counts = new Uint32Array(memory, capacity * 16, capacity * RING)
  }

  hit(row: number, { windowMs, max }: Limit, now: number): Count {
    const slice = sliceAt(now, windowMs)
    const total = this.#advance(row, slice)
    if (total >= max) return { current: total + 1, ttl: this.#untilLeft(row, total - max + 1, windowMs) - now }
    this.#counts[row * RING + (slice % RING)]!++
    this.#ends[row] = Math.max(this.#ends[row]!, endOfSlice(slice, windowMs))
    return { current: total + 1, ttl: this.#untilLeft(row, 1, windowMs) - now }
  }

  blank({ windowMs }: Limit, now: number): Count {
    return { current: 1, ttl: endOfSlice(sliceAt(now, windowMs), windowMs) - now }
  }

  peek(row: number, limit: Limit, now: number): Count {
    const { windowMs, max } = limit
    const total = this.#advance(row, sliceAt(now, windowMs))
    if (total === 0) return this.blank(limit, now)
    return { current: total + 1, ttl: this.#untilLeft(row, Math.max(1, total - max + 1), windowMs) - now }
  }

  isOver(row: number, now: number): boolean {
    return this.#ends[row]! <= now
  }

  clear(row: number): void {
    this.#ends[row] = 0
    this.#newest[row] = NEVER
    this.#counts.fill(0, row * RING, (row + 1) * RING)
  }

  move(from: number, to: number): void {
    this.#ends[to] = this.#ends[from]!
    this.#newest[to] = this.#newest[from]!
    this.#counts.copyWithin(to * RING, from * RING, (from + 1) * RING)
  }

  resize(capacity: number): void {
    const rows = new SlidingRows(capacity)
    rows.#ends.set(this.#ends.subarray(0, capacity))
    rows.#newest.set(this.#newest.subarray(0, capacity))
    rows.#counts.set(this.#counts.subarray(0, capacity * RING))
    this.#ends = rows.#ends
    this.#newest = rows.#newest
    this.#counts = rows.#counts
  }

  /** Makes `slice` the newest one: those that left are emptied. Returns what still counts. */
  #advance(row: number, slice: number): number {
    const start = row * RING
    const newest = this.#newest[row]!
    for (let one = Math.max(newest + 1, oldestBeside(slice)); one <= slice; one++)
      this.#counts[start + (one % RING)] = 0
    if (slice > newest) this.#newest[row] = slice
    let total = 0
    for (let i = 0; i < RING; i++) total += this.#counts[start + i]!
    return total
  }

  /** When the oldest so many hits of the row have stopped counting. There are as many. */
  #untilLeft(row: number, hits: number, windowMs: number): number {
    const newest = this.#newest[row]!
    let left = 0
    let slice = oldestBeside(newest)
    for (; slice < newest; slice++) {
      left += this.#counts[row * RING + (slice % RING)]!
      if (left >= hits) break
    }
    return endOfSlice(slice, windowMs)
  }
}

/** The oldest slice that counts while this one runs. */
function oldestBeside(slice: number): number {
  return Math.max(slice - RING + 1, 0)
}
