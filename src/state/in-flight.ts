/** Requests in flight, by key, over all threads of this process: the seam behind limits of concurrency. */

/** What is bounded: one object per limit, made once. */
export interface InFlightLimit {
  /** Names the count; limits that share it may differ in `max`. */
  readonly counter: string
  readonly max: number
}

/** Exact: at no moment more than `max` places of a key are taken. A thread that dies gives back all it held. */
export interface InFlightStore {
  /** Takes a place. Returns what `release` wants, never negative; -1 where `max` places are taken. */
  acquire(limit: InFlightLimit, key: string): number
  /** Gives a place back. Exactly once for each acquired. */
  release(place: number): void
  /** Places taken at present. */
  read(limit: InFlightLimit, key: string): number
}

/** All places are taken. */
export const NO_PLACE = -1
