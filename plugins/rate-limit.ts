/** Refuses requests beyond so many per window, counted by consumer, address, route, header or claim. */
import type { FromSchema } from 'json-schema-to-ts'
import {
  type Count,
  type CounterStore,
  duration,
  type Exchange,
  keyReader,
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
  refuses: true,
  needs: ({ by }: Options) => (by === 'consumer' || by?.startsWith('claim:') ? ['consumer'] : []),
  reads: ({ by }: Options) => (by?.startsWith('header:') ? [by.toLowerCase()] : []),
}

export default async function rateLimit(scope: Scope, options: Options): Promise<void> {
  const { max, algorithm } = options
  const { item, counters } = scope
  const onStoreFailure = options.onStoreFailure ?? counters.onFailure ?? 'local'
  const by = options.by ?? (item.belowAuthenticator ? 'consumer' : 'ip')
  const windowMs = duration(options.window)
  // Each hit would have a window of its own: no limit at all.
  if (windowMs < 1) throw new RangeError(`expected a window of at least 1ms, found "${options.window}"`)
  const named = options.counter === undefined ? ['item', item.id] : ['counter', options.counter]
  const name = limitName({ itemId: item.id, counter: options.counter })
  const keyOf = keyReader(by)
  const fields = new LimitFields(name, max, windowMs)
  const countDecision = tally(scope.metrics)
  const limit = {
    // What a count belongs to over reloads. `max` is not in it: a changed one keeps the counts.
    counter: JSON.stringify([...named, by, windowMs, algorithm]),
    windowMs,
    max,
    algorithm,
  }
  const hidesKey = readsSecret(by, scope.secrets)

  scope.addHook('onRequest', function limitRate(request, reply) {
    return count(counters, request, reply)
  })

  function count(
    store: CounterStore,
    request: PluginRequest,
    reply: Reply,
    degraded = false,
  ): Promise<void> | undefined {
    const { exchange } = request
    const key = keyOf(exchange)
    const counted = { exchange, reply, key, degraded }
    let found: Count | Promise<Count>
    try {
      found = ask(store, { limit, key, dry: exchange.dry })
    } catch (error) {
      return withoutStore(request, reply, error)
    }
    if (!(found instanceof Promise)) return apply(found, counted)
    return found.then(
      (count) => apply(count, counted),
      (error: unknown) => withoutStore(request, reply, error),
    )
  }

  function withoutStore(request: PluginRequest, reply: Reply, cause: unknown): Promise<void> | undefined {
    if (onStoreFailure === 'local') return count(counters.local, request, reply, true)
    const { exchange } = request
    exchange.decide(onStoreFailure === 'deny' ? 'refuse' : 'pass', 'store-unavailable', { limit: name, by })
    if (onStoreFailure === 'allow') {
      countDecision(exchange, 'degraded')
      return undefined
    }
    countDecision(exchange, item.mode === 'observe' ? 'would_deny' : 'deny')
    const headers = ['retry-after', '1']
    throw new Problem('store-unavailable', 'The limit on this route cannot be counted at the moment.', {
      cause,
      headers,
    })
  }

  function apply({ current, ttl }: Count, { exchange, reply, key, degraded }: Counted): undefined {
    const isExceeded = current > max
    const remaining = Math.max(0, max - current)
    const observing = item.mode === 'observe'
    // At least a second: a client told to wait 0 seconds would be back at once.
    const seconds = Math.max(1, Math.ceil(ttl / 1000))
    if (!observing) fields.append(reply, remaining, seconds)
    if (exchange.recording) {
      exchange.decide(isExceeded ? 'refuse' : 'pass', isExceeded ? 'rate-limited' : 'within-limit', {
        limit: name,
        by,
        key: shownKey(key, hidesKey),
        max,
        window: options.window,
        remaining,
        reset: Math.ceil(ttl / 1000),
      })
    }
    if (!isExceeded) {
      countDecision(exchange, degraded ? 'degraded' : 'allow')
      return
    }
    countDecision(exchange, observing ? 'would_deny' : 'deny')
    const detail = `The limit "${name}" of ${max} requests in ${options.window} is used up. Try again in ${seconds} s.`
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
