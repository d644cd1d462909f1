/** What a table keeps for its keys: one row of numbers each, in typed arrays. How a row counts is the algorithm. */
import type { Algorithm, Count, Limit } from './counters.ts'
import { FixedRows } from './fixed-rows.ts'
import { SlidingRows } from './sliding-rows.ts'

export interface Rows {
  /** Counts a hit, if `max` admits it or the algorithm counts refused ones too. */
  hit(row: number, limit: Limit, now: number): Count
  /** What a first hit in a new row returns. */
  blank(limit: Limit, now: number): Count
  /** What `hit` would return. */
  peek(row: number, limit: Limit, now: number): Count
  /** Nothing in the row counts any more. */
  isOver(row: number, now: number): boolean
  /** Begins a row: rows hold nothing of use before. */
  clear(row: number): void
  move(from: number, to: number): void
  /** Goes on in memory of its own, with the first rows, as many as fit. */
  resize(capacity: number): void
}

export function rowBytes(algorithm: Algorithm): number {
  return algorithm === 'sliding' ? SlidingRows.bytes : FixedRows.bytes
}

/** Rows in the memory given, which has room for them; else in their own. */
export function makeRows(algorithm: Algorithm, capacity: number, memory?: SharedArrayBuffer): Rows {
  return algorithm === 'sliding' ? new SlidingRows(capacity, memory) : new FixedRows(capacity, memory)
}
