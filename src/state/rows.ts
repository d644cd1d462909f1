/** What a table keeps for its keys: one row of numbers each, in typed arrays. How a row counts is the algorithm. */
import type { Count } from './counters.ts'

export interface Rows {
  /** Counts a hit, if `max` admits it or the algorithm counts refused ones too. */
  hit(row: number, max: number, now: number): Count
  /** What `hit` would return. */
  peek(row: number, max: number, now: number): Count
  /** Nothing in the row counts any more. */
  isOver(row: number, now: number): boolean
  /** Begins a row: rows hold nothing of use before. */
  clear(row: number): void
  move(from: number, to: number): void
  /** Keeps the first rows, as many as fit. */
  resize(capacity: number): void
}
