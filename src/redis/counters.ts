/** Counters in Redis, exact over all gateways of a fleet: one round trip a hit, by the server's clock. */
import { hash } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { CountCallback, CounterStore, Limit, OnStoreFailure } from '../state/counters.ts'
import { SLICES } from '../state/slices.ts'
import { wholeNumber } from './failure.ts'
import type { Link } from './link.ts'

export interface RedisCountersOptions {
  readonly link: Link
  /** In front of the name of every key. */
  readonly prefix: string
  readonly local: CounterStore
  readonly onFailure: OnStoreFailure
}

export class RedisCounters implements CounterStore {
  readonly local: CounterStore
  readonly onFailure: OnStoreFailure
  readonly #link: Link
  readonly #prefix: string

  constructor(options: RedisCountersOptions) {
    this.#link = options.link
    this.#prefix = options.prefix
    this.local = options.local
    this.onFailure = options.onFailure
  }

  increment(limit: Limit, key: string, done: CountCallback): void {
    const name = this.#name(limit, key)
    this.#count((client) => {
      return limit.algorithm === 'sliding'
        ? client.sliding(name, limit.windowMs, limit.max, SLICES, 1)
        : client.hitFixed(name, limit.windowMs)
    }, done)
  }

  read(limit: Limit, key: string, done: CountCallback): void {
    const name = this.#name(limit, key)
    this.#count((client) => {
      return limit.algorithm === 'sliding'
        ? client.sliding(name, limit.windowMs, limit.max, SLICES, 0)
        : client.readFixed(name, limit.windowMs)
    }, done)
  }

  #count(send: (client: Redis) => Promise<[number, number]>, done: CountCallback): void {
    // What is no count would let everybody pass.
    const count = async (client: Redis) => {
      const answer: unknown[] | null = await send(client)
      return { current: wholeNumber(answer?.[0]), ttl: wholeNumber(answer?.[1]) }
    }
    this.#link.ask(count, done)
  }

  /** Hashed: a key may be a header's value, and others may look into this Redis. */
  #name({ counter }: Limit, key: string): string {
    return `${this.#prefix}limit:${counter}:${hash('sha256', key, 'base64url')}`
  }
}
