/**
 * The sliding window's arithmetic. Time is cut into slices of a fifteenth of the window, the same for all keys. A hit counts
 * in its slice and the fifteen after it: for at least the window, and at most a fifteenth longer.
 */
export const SLICES = 15
/** Slices that count at one moment, the running one included: a key's counts fit a ring of so many. */
export const RING = SLICES + 1

/** The slice that runs at `now`. */
export function sliceAt(now: number, windowMs: number): number {
  return Math.floor((now * SLICES) / windowMs)
}

/** When hits of the slice stop counting. */
export function endOfSlice(slice: number, windowMs: number): number {
  return ((slice + RING) * windowMs) / SLICES
}
