/** What a stored answer is found by: the URI, then who asks. Two levels, so that a URI can be forgotten for everybody at once. */
import { hash } from 'node:crypto'
import { type Exchange, isSecretPart, queryName } from '#gateway'

export interface CacheKey {
  /** Scheme, authority, path and query bytes as matched; the method is GET, which HEAD shares. */
  readonly uri: string
  /** Route and identity, as one string that no other pair gives. */
  readonly audience: string
}

export interface KeyPolicy {
  /** One entry for everybody who may ask. */
  readonly shared: boolean
  /** Request headers that carry credentials, lower case, without `authorization`. */
  readonly otherCredentials: readonly string[]
}

/** Null: who asks has proved to be somebody without a name, whom no key can tell from others. */
export function cacheKey(exchange: Exchange, policy: KeyPolicy): CacheKey | null {
  const { consumer } = exchange
  const route = exchange.route?.name ?? '_none'
  const uri = uriOf(exchange)
  if (policy.shared) return { uri, audience: `:${route}` }
  if (consumer === null)
    return { uri, audience: audienceOfNobody(route, credentialsOf(exchange, policy.otherCredentials)) }
  if (consumer.id === null) return null
  return { uri, audience: JSON.stringify([route, consumer.id, consumer.groups, ...forwardedAbout(exchange, policy)]) }
}

/** Of the request as matched. With the port, which upstreams see: an unkeyed one that they reflect would poison everybody's entry. */
export function uriOf({ facts }: Exchange): string {
  return originOf(facts) + facts.path + facts.query
}

/** The URI that a Location or Content-Location means, if it is of the same origin. */
export function relatedUri({ facts }: Exchange, reference: string): string | null {
  const origin = originOf(facts)
  const base = URL.parse(origin + facts.path)
  const related = URL.parse(reference, base?.href)
  if (base === null || related === null || related.origin !== base.origin) return null
  return origin + related.pathname + related.search
}

function originOf({ scheme, authority }: Exchange['facts']): string {
  return `${scheme}://${authority?.toLowerCase() ?? ''}`
}

/**
 * Attack: an authenticator that only observes lets keys go on to an upstream that knows them, and its answer to one was kept for everybody.
 * `Authorization` is not among them: whether answers to that are kept at all, RFC 9111 §3.5 says.
 */
function audienceOfNobody(route: string, credentials: readonly string[]): string {
  return credentials.length === 0 ? `:${route}` : JSON.stringify([route, null, ...credentials])
}

/** Every value the upstream is told about the identity besides its name. */
function forwardedAbout(exchange: Exchange, policy: KeyPolicy): readonly string[] {
  return [...exchange.forwarded, ...credentialsOf(exchange, ['authorization', ...policy.otherCredentials])]
}

/** Those that go on to the upstream, hashed: two tokens of one consumer may differ in what they allow. */
function credentialsOf({ upstreamRequest }: Exchange, names: readonly string[]): readonly string[] {
  if (names.length === 0) return names
  const sent: string[] = []
  for (const name of names) {
    const values = upstreamRequest.headers.values(name)
    if (values.length > 0) sent.push(name, hash('sha256', JSON.stringify(values), 'base64url'))
  }
  return sent
}

/** The key as it may be shown: values of secret query parameters left out. */
export function shownKey({ uri }: CacheKey, secrets: ReadonlySet<string>): string {
  const start = uri.indexOf('?')
  if (start === -1) return `GET ${uri}`
  const pairs = uri.slice(start + 1).split('&')
  const shown = pairs.map((pair) => (isSecretPart('query', queryName(pair), secrets) ? `${queryName(pair)}=…` : pair))
  return `GET ${uri.slice(0, start)}?${shown.join('&')}`
}
