/** What the upstream sees of a request's head: end-to-end fields of the client, then ours, which nobody can forge or name away. */
import type { Config } from '../config/config.ts'
import { forwardedValue } from '../exchange/consumer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { HeaderList } from '../exchange/headers.ts'
import { memoByName } from '../exchange/name-memo.ts'
import { RandomTexts } from '../exchange/random-text.ts'
import { type TrailerRules, UpstreamRequest } from '../exchange/upstream-request.ts'
import { hopByHop } from '../http1/connection-fields.ts'
import { nominated } from './hop-by-hop.ts'

/** Never taken over from a client: connection matters, and names that are ours to set on every route. */
const withheld: ReadonlySet<string> = new Set([
  ...hopByHop,
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'proxy',
  'proxy-authorization',
  'trailer',
  'x-consumer',
  'x-consumer-groups',
  'x-consumer-source',
  'x-request-id',
  'traceparent',
  'tracestate',
])

const forwarding: ReadonlySet<string> = new Set(['forwarded', 'x-real-ip', 'true-client-ip', 'x-client-ip'])

/** What is done with a client's field. */
type Treatment = 'keep' | 'drop' | 'via' | 'traceparent' | 'tracestate' | 'for' | 'proto' | 'host' | 'believed'

export interface RequestHeadPolicy {
  /** Our name in `via`. */
  readonly name: string
  /** `x-forwarded-for` is the header that is believed from trusted proxies, so it is appended to. */
  readonly chains: boolean
  readonly treat: (name: string) => Treatment
  /** Attack: origins that merge trailers into the head would take a client's own `X-Consumer` there for ours (RFC 9110 §6.5.1). */
  readonly trailers: TrailerRules
}

/**
 * `trustedHeader`: the one forwarding header that is believed from trusted proxies, lower case. `reserved`: targets of
 * `forwardClaims` and the like; a client's own are removed on every route. `secrets`: where plugins look for credentials, which is
 * in the head alone: an origin that merges trailers would get others there than were looked at.
 */
export function requestHeadPolicy(
  name: string,
  trustedHeader: string,
  { outline: { reserved, secrets }, limits }: Pick<Config, 'outline' | 'limits'>,
): RequestHeadPolicy {
  const ours = new Set(reserved)
  const credentials = new Set(secrets.map((part) => part.replaceAll('_', '-')))
  const treat = memoByName((lower) => treatment(lower, trustedHeader, ours))
  const passes = (field: string) =>
    treat(field) === 'keep' && !credentials.has(`header:${field.toLowerCase().replaceAll('_', '-')}`)
  const trailers = { most: limits.headers, mostBytes: limits.headerBytes, passes }
  return { name, chains: trustedHeader === 'x-forwarded-for', treat, trailers }
}

function treatment(lower: string, trustedHeader: string, reserved: ReadonlySet<string>): Treatment {
  if (lower === 'via' || lower === 'traceparent' || lower === 'tracestate') return lower
  if (lower === 'x-forwarded-for') return 'for'
  if (lower === 'x-forwarded-proto') return 'proto'
  if (lower === 'x-forwarded-host') return 'host'
  if (isOurs(lower, reserved)) return 'drop'
  // The origin may believe it from everybody; from a trusted proxy it passes.
  return lower.replaceAll('_', '-') === trustedHeader ? 'believed' : 'keep'
}

/** Whether a name is ours to set, also when it only differs by `_` for `-`, which CGI and WSGI origins cannot tell apart. */
function isOurs(lower: string, reserved: ReadonlySet<string>): boolean {
  const name = lower.replaceAll('_', '-')
  if (withheld.has(name) || forwarding.has(name) || reserved.has(name)) return true
  return name.startsWith('x-forwarded-') || name === 'via'
}

export interface UpstreamTarget {
  readonly path: string
  readonly query: string
  readonly host: string | null
}

/** The upstream request before any plugin edits it. */
export function requestHead(exchange: Exchange, policy: RequestHeadPolicy, target: UpstreamTarget): UpstreamRequest {
  const { facts } = exchange
  // The first place is the Host's: filled in when the target is known.
  const kept: string[] = ['host', '']
  const headers = new HeaderList(kept)
  const named = nominated(facts.rawHeaders)
  const seen = { via: '', for: '', proto: '', host: '', traceparent: '', tracestate: '' }
  const { rawHeaders, trusted } = facts
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    const treated = policy.treat(name)
    if (treated === 'keep' || (treated === 'believed' && trusted)) {
      if (named?.has(name.toLowerCase()) !== true) kept.push(name, rawHeaders[i + 1]!)
    } else if (treated !== 'drop' && treated !== 'believed') {
      const value = rawHeaders[i + 1]!
      const comma = treated === 'tracestate' ? ',' : ', '
      seen[treated] = seen[treated] === '' ? value : seen[treated] + comma + value
    }
  }
  addOurs(exchange, policy, kept, seen)
  return new UpstreamRequest({ method: facts.method, ...target, headers, trailers: policy.trailers })
}

function addOurs(
  exchange: Exchange,
  policy: RequestHeadPolicy,
  kept: string[],
  seen: Readonly<Record<'via' | 'for' | 'proto' | 'host' | 'traceparent' | 'tracestate', string>>,
): void {
  const { facts } = exchange
  const chained = policy.chains && facts.trusted
  const { authority } = facts
  kept.push('x-forwarded-for', chained && seen.for !== '' ? `${seen.for}, ${facts.peerAddress}` : facts.clientAddress)
  kept.push('x-forwarded-proto', chained && isScheme(seen.proto) ? seen.proto : facts.scheme)
  if (chained && isHost(seen.host)) kept.push('x-forwarded-host', seen.host)
  else if (authority !== null) kept.push('x-forwarded-host', authority)
  kept.push('via', seen.via === '' ? `1.1 ${policy.name}` : `${seen.via}, 1.1 ${policy.name}`)
  kept.push('x-request-id', facts.id)
  if (seen.traceparent !== '' && isTraceParent(seen.traceparent)) {
    kept.push('traceparent', seen.traceparent)
    if (seen.tracestate !== '') kept.push('tracestate', seen.tracestate)
  } else {
    kept.push('traceparent', freshTraces.next())
  }
}

function isScheme(text: string): boolean {
  return text === 'http' || text === 'https'
}

/** One host, with a port perhaps; no list of them. */
function isHost(text: string): boolean {
  return text !== '' && /^[A-Za-z0-9._:[\]-]+$/.test(text)
}

/** W3C Trace Context §3.2: version 00, ids not all zero. */
function isTraceParent(value: string): boolean {
  return /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(value)
}

/** New traces, sampled: an origin's parent-based sampler would otherwise drop what it samples today. */
const freshTraces = new RandomTexts(`00-${'r'.repeat(32)}-${'r'.repeat(16)}-01`)

/** Whether the request has already passed a gateway of our name: a loop (RFC 9110 §7.6.3). */
export function hasPassedUs(exchange: Exchange, name: string): boolean {
  for (const value of exchange.headerValues('via')) {
    for (const hop of value.split(',')) {
      const received = hop.trim().split(/[ \t]+/)[1]
      if (received?.toLowerCase() === name.toLowerCase()) return true
    }
  }
  return false
}

/** Tells the upstream who was authenticated. After the chain, so that no plugin order can leave it out. */
export function addIdentity(exchange: Exchange): void {
  const { consumer } = exchange
  if (consumer === null || consumer.name === null) return
  const { headers } = exchange.upstreamRequest
  // A name that could not be forwarded was refused when it was authenticated (401): see `forwardedValue`.
  headers.set('x-consumer', forwardedValue(consumer.name) ?? '')
  headers.set('x-consumer-source', consumer.source)
  if (consumer.groups.length > 0) headers.set('x-consumer-groups', consumer.groups.join(','))
}
