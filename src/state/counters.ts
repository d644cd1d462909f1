/** Counters that outlive a request and may be shared by threads and machines: the seam behind rate limits. */

/**
 * How a limit counts.
 * - `fixed`: a window starts with a key's first hit and holds every hit until it ends, the refused ones too.
 * - `sliding`: as many hits as `max` in any stretch of time as long as the window, and only admitted hits count. The window
 *   is cut into slices; a hit counts until its slice has left the window whole: see slices.ts.
 */
export type Algorithm = 'fixed' | 'sliding'

/** What hits are counted against: one object per limit, made once. */
export interface Limit {
  /** Names the counter. One counter has one window and one algorithm; limits that share it may differ in `max`. */
  readonly counter: string
  readonly windowMs: number
  readonly max: number
  readonly algorithm: Algorithm
}

export interface Count {
  /** Including this hit: greater than `max` means that it is refused. */
  readonly current: number
  /**
   * Milliseconds. Where the hit is refused: until one would be admitted. Else: until the count goes down, which in a fixed
   * window is its end.
   */
  readonly ttl: number
}

/** While a shared store does not answer: count in this process alone, let everything pass, or refuse. */
export type OnStoreFailure = 'local' | 'allow' | 'deny'

export type CountCallback = (error: Error | null, count: Count | null) => void

/** Exact: never forgets a hit that still counts. Bounded by dropping keys that nothing is counted for any more. */
export interface CounterStore {
  /** Counts one hit. May call back at once. */
  increment(limit: Limit, key: string, done: CountCallback): void
  /** What `increment` would have found, without counting. */
  read(limit: Limit, key: string, done: CountCallback): void
  /** Counts in this process alone: what decides while a shared store does not answer. A store in memory is its own. */
  readonly local: CounterStore
  /** What limits do while it does not answer, unless they say so themselves; `local` without it. */
  readonly onFailure?: OnStoreFailure
}
