/** Keeps answers and gives them again (RFC 9111, as a shared cache); each consumer has entries of his own unless `shared`. */
import type { FromSchema } from 'json-schema-to-ts'
import { duration, type Exchange, type HeaderList, Problem, type Reply, type Scope, size, type Traits } from '#gateway'
import { type Forwarded, sayForwarded, sayHit } from './cache/cache-status.ts'
import type { Entry } from './cache/entry.ts'
import { answerFrom } from './cache/hit.ts'
import { type CacheKey, relatedUri, shownKey, uriOf } from './cache/key.ts'
import { type Found, lookUp } from './cache/lookup.ts'
import { Miss } from './cache/miss.ts'
import { Replica } from './cache/replica.ts'
import { type RequestView, readRequest } from './cache/request.ts'
import { SecondTier } from './cache/second-tier.ts'
import { Spare } from './cache/spare.ts'
import { Stores } from './cache/stores.ts'
import { resultOf, tally } from './cache/tally.ts'

const sizePattern = '^[0-9]+(\\.[0-9]+)?(B|KB|MB|GB|KiB|MiB|GiB)$'

export const schema = {
  type: 'object',
  description:
    'Keeps answers and gives them again, as RFC 9111 says for a shared cache. Each consumer has entries of its own.',
  additionalProperties: false,
  properties: {
    ttl: {
      type: 'string',
      examples: ['30s', '5m'],
      pattern: '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$',
      description:
        'How long to keep answers whose origin does not say. Without it only answers with a lifetime of their own are kept.',
    },
    staleIfError: {
      type: 'string',
      pattern: '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$',
      examples: ['1h'],
      description:
        'How long past its lifetime an answer may stand in for an upstream that fails, where its origin does not say (`stale-if-error`). Without it none does.',
    },
    maxObject: {
      type: 'string',
      pattern: sizePattern,
      default: '1MiB',
      description: 'The largest body that is kept.',
    },
    maxTotal: {
      type: 'string',
      pattern: sizePattern,
      default: '64MiB',
      description: 'Room for everything this item keeps, heads and keys included. The least recently used goes first.',
    },
    shared: {
      type: 'boolean',
      default: false,
      description: 'Whether consumers share entries: only where the answer is the same for everybody who may ask.',
    },
  },
} as const

export const traits: Traits = { answers: true, needs: ['after-authenticators'] }

export default function cache(scope: Scope, options: FromSchema<typeof schema>): void {
  const maxObject = size(options.maxObject)
  const maxTotal = size(options.maxTotal)
  if (maxObject > maxTotal) throw new RangeError(`maxObject ${options.maxObject} is over maxTotal ${options.maxTotal}`)
  const ttlMs = options.ttl === undefined ? null : duration(options.ttl)
  const staleIfErrorMs = options.staleIfError === undefined ? null : duration(options.staleIfError)
  const stores = scope.carry('stores', () => new Stores())
  const item = JSON.stringify([scope.item.id, options])
  const { answers, purges, siblings } = scope
  const replica = siblings === null ? null : new Replica(siblings, item)
  const store = scope.carry(`store ${item}`, () => stores.open({ maxTotal, maxObject }, { purges, replica }))
  const tier = answers === null ? null : new SecondTier({ answers, item, store, maxObject })
  stores.measure(scope.metrics)
  const countResult = tally(scope.metrics)
  const secrets = new Set(scope.secrets)
  const otherCredentials = [...new Set(named('header:', scope.secrets))].filter((name) => name !== 'authorization')
  const policy = { shared: options.shared, otherCredentials }
  const plans = new WeakMap<Exchange, Plan>()

  scope.addHook('onRequest', function answerIfKept({ exchange }, reply) {
    const request = readRequest(exchange.facts.rawHeaders)
    const found = lookUp(exchange, request, { store, policy })
    if (tier === null || found.key === null || !tier.mayKnow(exchange, request, found))
      return settle(exchange, reply, { request, found, share: null })
    return tier.fetch(exchange, found.key).then((share) => {
      const again = lookUp(exchange, request, { store, policy })
      return settle(exchange, reply, { request, found: again, share })
    })
  })

  function settle(exchange: Exchange, reply: Reply, { request, found, share }: Settled): Reply | undefined {
    if (exchange.recording) record(exchange, found)
    const spare = found.kind === 'forward' && !exchange.dry ? holdReady(exchange, request, found) : null
    if (spare === null) countResult(exchange, resultOf(found))
    if (found.kind === 'hit') {
      if (!exchange.dry) store.touch(found.entry)
      answerFrom(found.entry, reply, { request, age: found.age })
      sayHit(reply, found.entry.lifetime - found.age)
      return reply
    }
    if (request.directives.has('only-if-cached') && found.why !== 'method')
      throw new Problem('not-cached', 'Nothing that is kept can answer this, and the request asks for nothing else.')
    withholdOverrides(exchange.upstreamRequest.headers)
    if (exchange.dry || exchange.facts.upgrade) return
    const mayKeep = found.key !== null && exchange.facts.method === 'GET'
    const miss = mayKeep ? new Miss(exchange, request, { key: found.key, store, share: told(found.key, share) }) : null
    plans.set(exchange, { forwarded: found.why, miss, spare })
    return
  }

  scope.addHook('onSend', function keepAnswer({ exchange }, reply) {
    if (reply.source !== 'upstream') return
    const plan = plans.get(exchange)
    plans.delete(exchange)
    if (plan === undefined) return
    if (plan.forwarded === 'method') invalidate(exchange, reply, forget)
    const fill = plan.miss?.fillFrom(exchange, { ttlMs, staleIfErrorMs, maxObject })
    if (fill === null && plan.miss !== null) plan.spare?.superseded(reply.statusCode)
    // The head goes out before the body has come: `stored` says that it is being stored.
    sayForwarded(reply, plan.forwarded, fill?.isCollecting === true)
  })

  /** Null: nothing that is kept may stand in for the upstream. Else what came of it is counted in the end. */
  function holdReady(exchange: Exchange, request: RequestView, found: Found & { kind: 'forward' }): Spare | null {
    if (found.spare === null || found.key === null) return null
    const spare = new Spare({ entry: found.spare, key: found.key, store, request, forwarded: found.why })
    exchange.answerOnFailure((failure) => spare.answer(exchange, exchange.reply, failure))
    exchange.onClose(() => countResult(exchange, spare.used ? 'stale' : resultOf(found)))
    return spare
  }

  /** Who is told of an answer that is kept: the other threads, and whoever shares the store. */
  function told(key: CacheKey, share: Settled['share']): Settled['share'] {
    if (replica === null) return share
    return (entry) => {
      replica.kept(key, entry)
      share?.(entry)
    }
  }

  function forget(uri: string): void {
    store.invalidate(uri)
    replica?.forgotten(uri)
    tier?.forget(uri)
  }

  function record(exchange: Exchange, found: Found): void {
    const { key } = found
    const inputs = {
      key: key === null ? null : shownKey(key, secrets),
      consumer: policy.shared ? null : (exchange.consumer?.id ?? null),
    }
    if (found.kind === 'forward') exchange.decide('pass', found.why, inputs)
    else exchange.decide('answer', 'hit', { ...inputs, age: Math.floor(found.age / 1000) })
  }
}

/** What is known when memory, and the fleet where it was asked, have been looked into. */
interface Settled {
  readonly request: RequestView
  readonly found: Found
  /** Told of the answer, if it is kept. */
  readonly share: ((entry: Entry) => void) | null
}

/** What is remembered of a request that went on to the upstream. */
interface Plan {
  readonly forwarded: Forwarded
  /** Null: its answer is not kept. */
  readonly miss: Miss | null
  /** What may stand in for the upstream. */
  readonly spare: Spare | null
}

/** The names behind `header:` or `query:`. */
function named(kind: string, parts: readonly string[]): string[] {
  return parts.filter((part) => part.startsWith(kind)).map((part) => part.slice(kind.length))
}

/** RFC 9111 §4.4: what an unsafe request may have changed is forgotten. Methods of unknown safety count as unsafe. */
function invalidate(exchange: Exchange, reply: Reply, forget: (uri: string) => void): void {
  if (safe.has(exchange.facts.method) || reply.statusCode < 200 || reply.statusCode >= 400) return
  forget(uriOf(exchange))
  for (const name of ['location', 'content-location']) {
    const reference = reply.headers.get(name)
    const uri = reference === undefined ? null : relatedUri(exchange, reference)
    if (uri !== null) forget(uri)
  }
}

const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PROPFIND', 'QUERY', 'REPORT', 'SEARCH', 'TRACE'])

const overrides: ReadonlySet<string> = new Set(['x-http-method-override', 'x-original-url', 'x-rewrite-url'])

/**
 * Headers by which some frameworks take a request for another one than the key says: one such request would poison the
 * entry for everybody. Names with `_` are the same names to CGI and WSGI.
 */
function withholdOverrides(headers: HeaderList): void {
  for (let i = headers.raw.length - 2; i >= 0; i -= 2) {
    const name = headers.raw[i]!
    if (name.charCodeAt(0) !== X && name.charCodeAt(0) !== UPPER_X) continue
    if (overrides.has(name.toLowerCase().replaceAll('_', '-'))) headers.raw.splice(i, 2)
  }
}

const X = 'x'.charCodeAt(0)
const UPPER_X = 'X'.charCodeAt(0)
