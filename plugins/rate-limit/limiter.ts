/** @fastify/rate-limit, which decides, on counters of ours, which count: its own store forgets keys when it is full. */
import fastifyRateLimit from '@fastify/rate-limit'
import fastify, { type FastifyInstance } from 'fastify'
import type { CounterStore, Limit, PluginRequest } from '#gateway'

export interface LimitOptions {
  readonly limit: Limit
  readonly counters: CounterStore
  readonly keyOf: (request: PluginRequest) => string
}

export interface LimitVerdict {
  readonly key: string
  readonly isExceeded: boolean
  readonly remaining: number
  /** Until the count goes down or, where it is exceeded, until a request would pass; rounded up. */
  readonly ttlInSeconds: number
}

/** Decides about one request; `{ increment: false }` without counting it. Rejects when the store fails. */
export type Decider = (request: PluginRequest, call: { readonly increment: boolean }) => Promise<LimitVerdict>

type CountedCallback = (error: Error | null, count?: { current: number; ttl: number }) => void
type CreateLimit = (options: object) => Decider

/** One private Fastify instance for all limits: the library decorates an instance, and only `createRateLimit` is used of it. */
export class Limiter {
  readonly #app: FastifyInstance
  readonly #create: Promise<CreateLimit>

  constructor() {
    this.#app = fastify()
    this.#create = this.#register()
  }

  async limit({ limit, counters, keyOf }: LimitOptions): Promise<Decider> {
    const create = await this.#create
    return create({ max: limit.max, timeWindow: limit.windowMs, keyGenerator: keyOf, limit, counters })
  }

  async close(): Promise<void> {
    await this.#app.close()
  }

  async #register(): Promise<CreateLimit> {
    await this.#app.register(fastifyRateLimit, { global: false, store: LimitStore })
    await this.#app.ready()
    // The library's types want a FastifyRequest; of what it is given it reads only `routeOptions` (index.js, applyRateLimit).
    return this.#app.createRateLimit as unknown as CreateLimit
  }
}

/** The library's store interface; `child` is given the options of one `createRateLimit`, ours among them. */
class LimitStore {
  readonly #limit: Limit | undefined
  readonly #counters: CounterStore | undefined

  constructor(options: { limit?: Limit; counters?: CounterStore }) {
    this.#limit = options.limit
    this.#counters = options.counters
  }

  child(options: object): LimitStore {
    return new LimitStore(options)
  }

  incr(key: string, done: CountedCallback): void {
    const { limit, counters } = this.#open()
    counters.increment(limit, key, (error, count) => done(error, count ?? undefined))
  }

  read(key: string, done: CountedCallback): void {
    const { limit, counters } = this.#open()
    counters.read(limit, key, (error, count) => done(error, count ?? undefined))
  }

  #open(): { limit: Limit; counters: CounterStore } {
    if (this.#limit === undefined || this.#counters === undefined) {
      throw new Error('a rate limit was created without counters')
    }
    return { limit: this.#limit, counters: this.#counters }
  }
}
