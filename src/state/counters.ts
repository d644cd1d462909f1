/** Counters that outlive a request and may be shared by threads and machines: the seam behind rate limits. */

export interface Count {
  /** Including this hit. */
  readonly current: number
  /** Milliseconds until the key's window ends. */
  readonly ttl: number
}

export type CountCallback = (error: Error | null, count: Count | null) => void

/**
 * One fixed window per (counter, key), starting with the key's first hit; the hit that starts it says how long it is.
 * Exact: never forgets a key whose window is still running. Bounded by dropping windows that have ended.
 */
export interface CounterStore {
  /** Counts one hit. May call back at once. */
  increment(counter: string, key: string, windowMs: number, max: number, done: CountCallback): void
  /** What `increment` would have found, without counting. */
  read(counter: string, key: string, windowMs: number, max: number, done: CountCallback): void
  /** Counts in this process alone: what decides while a shared store does not answer. A store in memory is its own. */
  readonly local: CounterStore
}
