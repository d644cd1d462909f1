/**
 * Lets pages of other origins use a route (Fetch standard, §3.2): answers preflights itself, and puts the CORS headers
 * on answers and problems alike, in place of the upstream's.
 */
import type { FromSchema } from 'json-schema-to-ts'
import { duration, type Exchange, isToken, type Reply, type Scope, type Traits } from '#gateway'

const token = { type: 'string', pattern: "^[!#$%&'*+\\-.^_`|~0-9A-Za-z]+$" } as const
const methods = { type: 'array', items: { ...token, title: 'a method', examples: ['GET'] } } as const
const names = { type: 'array', items: { ...token, title: 'a header name', examples: ['content-type'] } } as const

export const schema = {
  type: 'object',
  description: 'Lets pages of other origins use a route, and answers their preflights.',
  additionalProperties: false,
  required: ['origins'],
  properties: {
    origins: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'string',
        pattern: '^(\\*|[a-z][a-z0-9+.-]*://(\\*\\.)?([a-z0-9_.-]+|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?)$',
        title: 'an origin such as https://shop.example.com, or *, in lower case and without path',
        examples: ['https://shop.example.com', 'https://*.example.com', '*'],
      },
      description:
        'Origins whose pages may read the answers: `https://shop.example.com`, `https://*.example.com` (any subdomain), or `*`. Lower case, without path.',
    },
    methods: {
      ...methods,
      default: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      description: 'Methods that a page may use.',
    },
    headers: { ...names, description: 'Request headers that a page may set. Default: whichever it asks for.' },
    exposeHeaders: { ...names, default: [], description: 'Response headers that a page may read.' },
    credentials: {
      type: 'boolean',
      default: false,
      description: 'Whether pages may send cookies and other credentials. Not with the origin `*`.',
    },
    maxAge: {
      type: 'string',
      pattern: '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$',
      default: '10m',
      description: 'How long browsers may remember a preflight.',
    },
  },
} as const

type Options = FromSchema<typeof schema>

export const traits: Traits = {
  lazy: true,
  answers: 'preflight',
  needs: ['before-authenticators'],
  // What makes a request a preflight, and what it asks: without it no log could tell.
  reads: () => ['header:origin', 'header:access-control-request-method', 'header:access-control-request-headers'],
}

/** What only the gateway says here: an upstream's own would contradict it. */
const corsHeaders = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-allow-private-network',
  'access-control-expose-headers',
  'access-control-max-age',
]

export default function cors(scope: Scope, options: Options): void {
  const policy = new Policy(options)

  scope.addHook('onRequest', function answerPreflight({ exchange }, reply) {
    if (!isPreflight(exchange)) {
      exchange.decide('skip', 'no-preflight')
      return undefined
    }
    const refusal = policy.refusal(exchange)
    exchange.decide('answer', refusal ?? 'preflight-allowed')
    reply.code(204)
    vary(reply, 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers')
    if (refusal === undefined) policy.allow(exchange, reply)
    return reply.send()
  })

  scope.addHook('onSend', function letRead({ exchange }, reply) {
    if (isPreflight(exchange)) return
    for (const name of corsHeaders) reply.removeHeader(name)
    // Also where the origin is not allowed: a cache must not hand this answer to one that is.
    if (!policy.anyOrigin) vary(reply, 'Origin')
    if (policy.allowsOrigin(exchange)) policy.letRead(exchange, reply)
  })
}

class Policy {
  readonly anyOrigin: boolean
  readonly #origins: ReadonlySet<string>
  /** Subdomains: what an origin must begin and end with. */
  readonly #wildcards: readonly { readonly start: string; readonly end: string }[]
  readonly #methods: ReadonlySet<string>
  /** Lower case; undefined: whichever is asked for. */
  readonly #headers: ReadonlySet<string> | undefined
  readonly #exposeHeaders: string
  readonly #credentials: boolean
  readonly #maxAge: string

  constructor(options: Options) {
    this.anyOrigin = options.origins.includes('*')
    if (this.anyOrigin && options.credentials) {
      throw new Error('credentials need named origins: with the origin "*" every site could act as its visitors')
    }
    for (const origin of options.origins) refuseDefaultPort(origin)
    this.#origins = new Set(options.origins)
    this.#wildcards = options.origins.filter((origin) => origin.includes('//*.')).map(wildcard)
    this.#methods = new Set(options.methods)
    this.#headers = options.headers && new Set(options.headers.map((name) => name.toLowerCase()))
    this.#exposeHeaders = options.exposeHeaders.join(', ')
    this.#credentials = options.credentials
    this.#maxAge = String(Math.floor(duration(options.maxAge) / 1000))
  }

  /** Whether pages of the request's origin may read the answer. Without an origin only where any may. */
  allowsOrigin(exchange: Exchange): boolean {
    if (this.anyOrigin) return true
    const sent = exchange.headerValues('origin')
    if (sent.length !== 1) return false
    const origin = sent[0]!
    return this.#origins.has(origin) || this.#wildcards.some(({ start, end }) => isSubdomain(origin, start, end))
  }

  /** Why the request that a preflight announces may not be made; undefined when it may. */
  refusal(exchange: Exchange): string | undefined {
    if (!this.allowsOrigin(exchange)) return 'origin-not-allowed'
    if (!this.#methods.has(exchange.headerValues('access-control-request-method')[0]!)) return 'method-not-allowed'
    const asked = requestedHeaders(exchange)
    if (asked.every((name) => isToken(name) && (this.#headers === undefined || this.#headers.has(name))))
      return undefined
    return 'header-not-allowed'
  }

  /** Answers a preflight that is not refused. */
  allow(exchange: Exchange, reply: Reply): void {
    const headers = this.#headers === undefined ? requestedHeaders(exchange) : [...this.#headers]
    this.#nameOrigin(exchange, reply)
    reply.header('access-control-allow-methods', [...this.#methods].join(', '))
    if (headers.length > 0) reply.header('access-control-allow-headers', headers.join(', '))
    reply.header('access-control-max-age', this.#maxAge)
  }

  letRead(exchange: Exchange, reply: Reply): void {
    this.#nameOrigin(exchange, reply)
    if (this.#exposeHeaders !== '') reply.header('access-control-expose-headers', this.#exposeHeaders)
  }

  #nameOrigin(exchange: Exchange, reply: Reply): void {
    reply.header('access-control-allow-origin', this.anyOrigin ? '*' : exchange.headerValues('origin')[0]!)
    if (this.#credentials) reply.header('access-control-allow-credentials', 'true')
  }
}

/** Fetch standard, §3.2.2: an OPTIONS that asks on behalf of another request. */
function isPreflight(exchange: Exchange): boolean {
  if (exchange.facts.method !== 'OPTIONS') return false
  const asks = exchange.headerValues('access-control-request-method').length === 1
  return asks && exchange.headerValues('origin').length === 1
}

/** Lower case, in the order asked for. */
function requestedHeaders(exchange: Exchange): string[] {
  const names = exchange.headerValues('access-control-request-headers').flatMap((line) => line.split(','))
  return names.map((name) => name.trim().toLowerCase()).filter((name) => name !== '')
}

function wildcard(origin: string): { start: string; end: string } {
  const star = origin.indexOf('*')
  return { start: origin.slice(0, star), end: origin.slice(star + 1) }
}

// Only host characters may stand for the star: "https://evil.example/.example.com" is no subdomain of example.com.
function isSubdomain(origin: string, start: string, end: string): boolean {
  if (!origin.startsWith(start) || !origin.endsWith(end)) return false
  return /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(origin.slice(start.length, -end.length))
}

function refuseDefaultPort(origin: string): void {
  const port = /^(https:.*):443$|^(http:.*):80$/.exec(origin)
  if (port !== null) throw new Error(`browsers leave the default port out of an origin: write "${port[1] ?? port[2]}"`)
}

/** Adds to Vary unless it is there already. */
function vary(reply: Reply, names: string): void {
  const present = reply.headers.values('vary').join(',').toLowerCase()
  const all = present.split(',').map((name) => name.trim())
  if (!all.includes('*') && !all.includes(names.toLowerCase())) reply.headers.append('vary', names)
}
