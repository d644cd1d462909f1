/** Sliding windows: a ring of counts by slice for each row, and which slice is its newest. */
import type { Count } from './counters.ts'
import type { Rows } from './rows.ts'
import { endOfSlice, RING, sliceAt } from './slices.ts'

export class SlidingRows implements Rows {
  readonly #windowMs: number
  #newest = new Float64Array(0)
  #counts = new Uint32Array(0)

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  hit(row: number, max: number, now: number): Count {
    const slice = sliceAt(now, this.#windowMs)
    const total = this.#advance(row, slice)
    if (total >= max) return { current: total + 1, ttl: this.#untilLeft(row, total - max + 1, now) }
    this.#counts[row * RING + (slice % RING)]!++
    return { current: total + 1, ttl: this.#untilLeft(row, 1, now) }
  }

  peek(row: number, max: number, now: number): Count {
    const slice = sliceAt(now, this.#windowMs)
    const total = this.#advance(row, slice)
    if (total === 0) return { current: 1, ttl: endOfSlice(slice, this.#windowMs) - now }
    return { current: total + 1, ttl: this.#untilLeft(row, Math.max(1, total - max + 1), now) }
  }

  isOver(row: number, now: number): boolean {
    return sliceAt(now, this.#windowMs) - this.#newest[row]! >= RING
  }

  clear(row: number): void {
    this.#newest[row] = NEVER
    this.#counts.fill(0, row * RING, (row + 1) * RING)
  }

  move(from: number, to: number): void {
    this.#newest[to] = this.#newest[from]!
    this.#counts.copyWithin(to * RING, from * RING, (from + 1) * RING)
  }

  resize(capacity: number): void {
    const newest = new Float64Array(capacity)
    const counts = new Uint32Array(capacity * RING)
    newest.set(this.#newest.subarray(0, capacity))
    counts.set(this.#counts.subarray(0, capacity * RING))
    this.#newest = newest
    this.#counts = counts
  }

  /** Makes `slice` the newest one: those that left are emptied. Returns what still counts. */
  #advance(row: number, slice: number): number {
    const start = row * RING
    const from = Math.max(this.#newest[row]! + 1, slice - SLICES_BEFORE, 0)
    for (let left = from; left <= slice; left++) this.#counts[start + (left % RING)] = 0
    this.#newest[row] = Math.max(slice, this.#newest[row]!)
    let total = 0
    for (let i = 0; i < RING; i++) total += this.#counts[start + i]!
    return total
  }

  /** Milliseconds until the oldest so many hits of the row have stopped counting. There are as many. */
  #untilLeft(row: number, hits: number, now: number): number {
    const newest = this.#newest[row]!
    let left = 0
    let slice = Math.max(newest - SLICES_BEFORE, 0)
    for (; slice < newest; slice++) {
      left += this.#counts[row * RING + (slice % RING)]!
      if (left >= hits) break
    }
    return endOfSlice(slice, this.#windowMs) - now
  }
}

const SLICES_BEFORE = RING - 1
/** Long before the first slice. */
const NEVER = -RING
