/**
 * What a node counts on its own while the fleet cannot count together: its share of each limit. What belongs to the other
 * nodes counts as used up, so that whoever reads the count needs to know nothing of shares.
 */
import type { Count, CountCallback, CounterStore, Limit } from '../state/counters.ts'

export class ShareCounters implements CounterStore {
  readonly #counters: CounterStore
  readonly #nodes: () => number

  /** `nodes`: how many live, as far as is known; at least 1. */
  constructor(counters: CounterStore, nodes: () => number) {
    this.#counters = counters
    this.#nodes = nodes
  }

  get local(): CounterStore {
    return this
  }

  increment(limit: Limit, key: string, done: CountCallback): void {
    const share = shareOf(limit.max, this.#nodes())
    this.#counters.increment({ ...limit, max: share }, key, (error, count) =>
      done(error, count === null ? null : whole(count, limit.max - share)),
    )
  }

  read(limit: Limit, key: string, done: CountCallback): void {
    const share = shareOf(limit.max, this.#nodes())
    this.#counters.read({ ...limit, max: share }, key, (error, count) =>
      done(error, count === null ? null : whole(count, limit.max - share)),
    )
  }
}

/** At least 1: a limit lower than the fleet is large must not shut everybody out. */
export function shareOf(max: number, nodes: number): number {
  return Math.max(1, Math.floor(max / nodes))
}

function whole({ current, ttl }: Count, elsewhere: number): Count {
  return { current: current + elsewhere, ttl }
}
