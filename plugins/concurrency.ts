/** Refuses requests while so many of the same consumer, address, route, header or claim are in flight. */
import type { FromSchema } from 'json-schema-to-ts'
import { type Exchange, keyReader, Problem, readsSecret, type Scope, shownKey, type Traits } from '#gateway'

export const schema = {
  type: 'object',
  description: 'Bounds how many requests may be open at a time. Over it is 429.',
  additionalProperties: false,
  required: ['max'],
  properties: {
    max: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      examples: [20],
      description: 'Requests at a time: from their head to the end of their answer, a WebSocket for its whole life.',
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
        'Items with the same counter and `by` count together. Without it each item in the file counts for itself.',
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

export default function concurrency(scope: Scope, { max, by: chosen, counter }: Options): void {
  const { item, inFlight } = scope
  const by = chosen ?? (item.belowAuthenticator ? 'consumer' : 'ip')
  const named = counter === undefined ? ['item', item.id] : ['counter', counter]
  // What a count belongs to over reloads. `max` is not in it: a changed one keeps the counts.
  const limit = { counter: JSON.stringify(['concurrency', ...named, by]), max }
  const keyOf = keyReader(by)
  const hidesKey = readsSecret(by, scope.secrets)

  scope.addHook('onRequest', function limitConcurrency({ exchange }) {
    // A client that left while the chain waited: nothing would give its place back.
    if (exchange.closedAt !== 0) return
    const key = keyOf(exchange)
    const place = exchange.dry ? foreseen(key) : inFlight.acquire(limit, key)
    if (exchange.recording) record(exchange, place, key)
    if (place < 0) {
      const detail = `There are ${max} requests of yours in flight, as many as are accepted here. Let one end first.`
      throw new Problem('rate-limited', detail, { headers: ['retry-after', '1'] })
    }
    if (!exchange.dry) exchange.onClose(() => inFlight.release(place))
  })

  /** Takes no place. */
  function foreseen(key: string): number {
    return inFlight.read(limit, key) < max ? 0 : -1
  }

  function record(exchange: Exchange, place: number, key: string): void {
    exchange.decide(place < 0 ? 'refuse' : 'pass', place < 0 ? 'rate-limited' : 'within-limit', {
      by,
      key: shownKey(key, hidesKey),
      max,
    })
  }
}
