/** Refuses requests beyond so many per window, counted by consumer, address, route, header or claim. */
import type { FromSchema } from 'json-schema-to-ts'
import {
  type Count,
  type CounterStore,
  duration,
  type Exchange,
  type KeyReader,
  keyReader,
  type Limit,
  type PluginRequest,
  Problem,
  type Reply,
  readsSecret,
  type Scope,
  shownKey,
  type Traits,
} from '#gateway'
import { ask } from './rate-limit/ask.ts'
import { LimitFields, limitName } from './rate-limit/fields.ts'
import { tally } from './rate-limit/tally.ts'

export const schema = {
  type: 'object',
  description: 'Bounds how many requests pass in a window of time. Over it is 429.',
  additionalProperties: false,
  required: ['max', 'window'],
  properties: {
    max: { type: 'integer', minimum: 1, maximum: 1_000_000_000, examples: [100], description: 'Requests per window.' },
    window: {
      type: 'string',
      examples: ['1s', '1m', '1d'],
      pattern: '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$',
      description: 'How long a window lasts.',
    },
    by: {
      type: 'string',
      examples: ['consumer', 'header:x-tenant', 'claim:tenant'],
      pattern: "^(consumer|ip|route|header:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}|claim:.{1,128})$",
      description:
        'Whose requests are counted together: consumer (the default below an authenticator), ip (the default elsewhere; IPv6 by /64), route, header:NAME or claim:NAME. Who lacks it counts by address, apart from the others.',
    },
    counter: {
      type: 'string',
      examples: ['tenants'],
      pattern: '^[A-Za-z0-9._-]{1,64}$',
      description:
        'Items with the same counter, `by` and `window` count together. Without it each item in the file counts for itself.',
    },
    algorithm: {
      type: 'string',
      enum: ['fixed', 'sliding'],
      default: 'fixed',
      description:
        "How a window moves. `fixed`: it starts with a key's first request. `sliding`: never more than `max` in any stretch of time as long as the window.",
    },
    onStoreFailure: {
      type: 'string',
      enum: ['local', 'allow', 'deny'],
      description:
        "While the store does not answer: count this node's share of the limit here, let everything pass, or refuse with 503. Without it: as `store` says.",
    },
  },
} as const

type Options = FromSchema<typeof schema>

export const traits: Traits = {
  lazy: true,
  refuses: true,
  needs: ({ by }: Options) => (by === 'consumer' || by?.startsWith('claim:') ? ['consumer'] : []),
  reads: ({ by }: Options) => (by?.startsWith('header:') ? [by.toLowerCase()] : []),
}

export default function rateLimit(scope: Scope, options: Options): void {
  const limiter = new Limiter(scope, options)
  scope.addHook('onRequest', function limitRate(request, reply) {
    return limiter.hit(request, reply)
  })
}

class Limiter {
  readonly #counters: CounterStore
  readonly #onStoreFailure: NonNullable<Options['onStoreFailure']>
  readonly #by: string
  /** As written. */
  readonly #window: string
  readonly #limit: Limit
  /** Towards clients. */
  readonly #name: string
  readonly #fields: LimitFields
  readonly #keyOf: KeyReader
  readonly #hidesKey: boolean
  readonly #observing: boolean
  readonly #countDecision: ReturnType<typeof tally>

  constructor({ item, counters, metrics, secrets }: Scope, options: Options) {
    const { max, algorithm, window, counter, by = item.belowAuthenticator ? 'consumer' : 'ip' } = options
    const windowMs = duration(window)
    // Each hit would have a window of its own: no limit at all.
    if (windowMs < 1) throw new RangeError(`expected a window of at least 1ms, found "${window}"`)
    const named = counter === undefined ? ['item', item.id] : ['counter', counter]
    this.#counters = counters
    this.#onStoreFailure = options.onStoreFailure ?? counters.onFailure ?? 'local'
    this.#by = by
    this.#window = window
    // What a count belongs to over reloads. `max` is not in it: a changed one keeps the counts.
    this.#limit = { counter: JSON.stringify([...named, by, windowMs, algorithm]), windowMs, max, algorithm }
    this.#name = limitName({ itemId: item.id, counter })
    this.#fields = new LimitFields(this.#name, max, windowMs)
    this.#keyOf = keyReader(by)
    this.#hidesKey = readsSecret(by, secrets)
    this.#observing = item.mode === 'observe'
    this.#countDecision = tally(metrics)
  }

  hit(request: PluginRequest, reply: Reply): Promise<void> | undefined {
    return this.#count(this.#counters, request, reply, false)
  }

  #count(store: CounterStore, request: PluginRequest, reply: Reply, degraded: boolean): Promise<void> | undefined {
    const { exchange } = request
    const key = this.#keyOf(exchange)
    const counted = { exchange, reply, key, degraded }
    let found: Count | Promise<Count>
    try {
      found = ask(store, { limit: this.#limit, key, dry: exchange.dry })
    } catch (error) {
      return this.#withoutStore(request, reply, error)
    }
    if (!(found instanceof Promise)) return this.#apply(found, counted)
    return found.then(
      (count) => this.#apply(count, counted),
      (error: unknown) => this.#withoutStore(request, reply, error),
    )
  }

  #withoutStore(request: PluginRequest, reply: Reply, cause: unknown): Promise<void> | undefined {
    const onStoreFailure = this.#onStoreFailure
    if (onStoreFailure === 'local') return this.#count(this.#counters.local, request, reply, true)
    const { exchange } = request
    const told = { limit: this.#name, by: this.#by }
    exchange.decide(onStoreFailure === 'deny' ? 'refuse' : 'pass', 'store-unavailable', told)
    if (onStoreFailure === 'allow') {
      this.#countDecision(exchange, 'degraded')
      return undefined
    }
    this.#countDecision(exchange, this.#observing ? 'would_deny' : 'deny')
    const headers = ['retry-after', '1']
    throw new Problem('store-unavailable', 'The limit on this route cannot be counted at the moment.', {
      cause,
      headers,
    })
  }

  #apply({ current, ttl }: Count, { exchange, reply, key, degraded }: Counted): undefined {
    const { max } = this.#limit
    const isExceeded = current > max
    const remaining = Math.max(0, max - current)
    // At least a second: a client told to wait 0 seconds would be back at once.
    const seconds = Math.max(1, Math.ceil(ttl / 1000))
    if (!this.#observing) this.#fields.append(reply, remaining, seconds)
    if (exchange.recording) {
      exchange.decide(isExceeded ? 'refuse' : 'pass', isExceeded ? 'rate-limited' : 'within-limit', {
        limit: this.#name,
        by: this.#by,
        key: shownKey(key, this.#hidesKey),
        max,
        window: this.#window,
        remaining,
        reset: Math.ceil(ttl / 1000),
      })
    }
    if (!isExceeded) {
      this.#countDecision(exchange, degraded ? 'degraded' : 'allow')
      return
    }
    this.#countDecision(exchange, this.#observing ? 'would_deny' : 'deny')
    const detail = `The limit "${this.#name}" of ${max} requests in ${this.#window} is used up. Try again in ${seconds} s.`
    throw new Problem('rate-limited', detail, { headers: ['retry-after', String(seconds)] })
  }
}

interface Counted {
  readonly exchange: Exchange
  readonly reply: Reply
  readonly key: string
  /** Counted in this process alone: the store did not answer. */
  readonly degraded: boolean
}
