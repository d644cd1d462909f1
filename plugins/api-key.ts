/** Requires a key that some consumer of the file owns, in one header or one query parameter, and names that consumer. */
import { hash } from 'node:crypto'
import type { FromSchema } from 'json-schema-to-ts'
import { type Exchange, Problem, queryName, queryValue, type Scope, type Traits } from '#gateway'

export const schema = {
  type: 'object',
  description: 'Requires an API key, and names the consumer who has it. No key, or a bad one, is 401.',
  additionalProperties: false,
  properties: {
    header: {
      type: 'string',
      pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$",
      default: 'x-api-key',
      description: 'Request header that carries the key, whole: no scheme in front of it.',
    },
    query: {
      type: 'string',
      examples: ['key'],
      pattern: '^[A-Za-z0-9._~-]{1,64}$',
      description: 'Query parameter that may carry the key instead. Never forwarded, never logged.',
    },
    forward: {
      type: 'boolean',
      default: false,
      description: 'Whether the upstream sees the header with the key.',
    },
  },
} as const

type Options = FromSchema<typeof schema>

export const traits: Traits = {
  lazy: true,
  authenticates: true,
  optional: true,
  refuses: true,
  secrets: (options: Options) => [
    `header:${options.header.toLowerCase()}`,
    ...(options.query === undefined ? [] : [`query:${options.query}`]),
  ],
}

export default function apiKey(scope: Scope, options: Options): void {
  const header = options.header.toLowerCase()
  const { query } = options
  const challenge = query === undefined ? `ApiKey header="${header}"` : `ApiKey header="${header}", query="${query}"`
  const headers = ['www-authenticate', challenge]
  const place = query === undefined ? `header ${header}` : `header ${header} or the query parameter ${query}`
  const hidden = options.forward ? none : [header]
  const fromHeader = { hideHeaders: hidden }
  const fromQuery = query === undefined ? {} : { hideQuery: query }

  scope.addHook('onRequest', function authenticate({ exchange }) {
    // As sent, one field line at a time: `x_api_key` is another name, and "a, b" is no key.
    const inHeader = exchange.headerValues(header)
    const inQuery = query === undefined ? none : queryValues(exchange.facts.query, query)
    const count = inHeader.length + inQuery.length
    if (count === 0) throw new Problem('credentials-missing', `No API key in the ${place}.`, { headers })
    if (count > 1) throw invalid(exchange, 'several-keys', 'More than one API key was sent.')

    // Looking a digest up, rather than comparing keys, leaks nothing about a near miss.
    const owner = scope.consumers.byKeyHash(hash('sha256', inHeader.length === 1 ? bytes(inHeader[0]!) : inQuery[0]!))
    if (owner === undefined) throw invalid(exchange, 'key-unknown', 'The API key is unknown or has expired.')

    const { name, groups } = owner
    const id = `key:${name}`
    const twins = header.includes('-') ? twinsOf(header, exchange.facts.rawHeaders) : none
    const credentials = inHeader.length === 1 ? fromHeader : fromQuery
    exchange.authenticate(
      { source: 'key', name, id, groups, scopes: none, claims: noClaims },
      twins.length === 0 ? credentials : { ...credentials, hideHeaders: [...hidden, ...twins] },
    )
    if (exchange.recording) exchange.decide('pass', 'key-known', { consumer: id, key: owner.id ?? null })
  })

  function invalid(exchange: Exchange, reason: string, detail: string): Problem {
    exchange.decide('refuse', reason)
    return new Problem('credentials-invalid', detail, { headers })
  }
}

const none: readonly string[] = Object.freeze([])
const noClaims = Object.freeze({})

/** Node hands header bytes over as Latin-1; a key beyond ASCII was hashed as the UTF-8 that these bytes are. */
function bytes(value: string): string | Buffer {
  return /^[\x20-\x7e]*$/.test(value) ? value : Buffer.from(value, 'latin1')
}

/** Every value of one parameter, names and values percent-decoded. */
function queryValues(query: string, name: string): readonly string[] {
  if (query.length < 2) return none
  const pairs = query.slice(1).split('&')
  return pairs.filter((pair) => queryName(pair) === name).map(queryValue)
}

/** Names sent that CGI and WSGI origins cannot tell from `header`: a second key, smuggled past the one that was checked. */
function twinsOf(header: string, rawHeaders: readonly string[]): readonly string[] {
  let twins = none
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.length !== header.length || !rawHeaders[i]!.includes('_')) continue
    const name = rawHeaders[i]!.toLowerCase()
    if (name !== header && name.replaceAll('_', '-') === header) twins = [...twins, name]
  }
  return twins
}
