/** What the upstream sees of a request's head: end-to-end fields of the client, then ours, which nobody can forge or name away. */
import { randomFillSync } from 'node:crypto'
import { forwardedValue } from '../exchange/consumer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { HeaderList } from '../exchange/headers.ts'
import { UpstreamRequest } from '../exchange/upstream-request.ts'
import { hopByHop, nominated } from './hop-by-hop.ts'

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

export interface RequestHeadPolicy {
  /** Our name in `via`. */
  readonly name: string
  /** The one forwarding header that is believed from trusted proxies, lower case. */
  readonly trustedHeader: string
  /** Targets of `forwardClaims` and the like: a client's own are removed on every route. */
  readonly reserved: ReadonlySet<string>
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
  const seen = { via: '', forwardedFor: '', proto: '', host: '', parent: '', state: '' }
  const { rawHeaders } = facts
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    const lower = name.toLowerCase()
    const value = rawHeaders[i + 1]!
    if (lower === 'via') seen.via += seen.via === '' ? value : `, ${value}`
    else if (lower === 'traceparent') seen.parent += value
    else if (lower === 'tracestate') seen.state += seen.state === '' ? value : `,${value}`
    else if (facts.trusted && lower === 'x-forwarded-for')
      seen.forwardedFor += seen.forwardedFor === '' ? value : `, ${value}`
    else if (facts.trusted && lower === 'x-forwarded-proto') seen.proto += value
    else if (facts.trusted && lower === 'x-forwarded-host') seen.host += seen.host === '' ? value : `, ${value}`
    else if (!isOurs(lower, policy) && named?.has(lower) !== true && (facts.trusted || !isBelieved(lower, policy)))
      kept.push(name, value)
  }
  addOurs(exchange, policy, kept, seen)
  return new UpstreamRequest({ method: facts.method, ...target, headers })
}

/** Whether a name is ours to set, also when it only differs by `_` for `-`, which CGI and WSGI origins cannot tell apart. */
function isOurs(lower: string, policy: RequestHeadPolicy): boolean {
  const name = lower.includes('_') ? lower.replaceAll('_', '-') : lower
  return (
    withheld.has(name) ||
    name.startsWith('x-forwarded-') ||
    forwarding.has(name) ||
    policy.reserved.has(name) ||
    (name !== lower && name === 'via')
  )
}

/** The one header that is believed from trusted proxies; the origin may believe it from everybody. */
function isBelieved(lower: string, { trustedHeader }: RequestHeadPolicy): boolean {
  return lower.length === trustedHeader.length && lower.replaceAll('_', '-') === trustedHeader
}

function addOurs(
  exchange: Exchange,
  policy: RequestHeadPolicy,
  kept: string[],
  seen: Readonly<Record<'via' | 'forwardedFor' | 'proto' | 'host' | 'parent' | 'state', string>>,
): void {
  const { facts } = exchange
  const chained = policy.trustedHeader === 'x-forwarded-for' && facts.trusted
  kept.push(
    'x-forwarded-for',
    chained && seen.forwardedFor !== '' ? `${seen.forwardedFor}, ${facts.peerAddress}` : facts.clientAddress,
  )
  kept.push('x-forwarded-proto', chained && /^https?$/.test(seen.proto) ? seen.proto : facts.scheme)
  const authority = chained && /^[A-Za-z0-9._:[\]-]+$/.test(seen.host) ? seen.host : facts.authority
  if (authority !== null) kept.push('x-forwarded-host', authority)
  kept.push('via', seen.via === '' ? `1.1 ${policy.name}` : `${seen.via}, 1.1 ${policy.name}`)
  kept.push('x-request-id', facts.id)
  if (seen.parent !== '' && isTraceParent(seen.parent)) {
    kept.push('traceparent', seen.parent)
    if (seen.state !== '') kept.push('tracestate', seen.state)
  } else {
    kept.push('traceparent', freshTraceParent())
  }
}

/** W3C Trace Context §3.2: version 00, ids not all zero. */
function isTraceParent(value: string): boolean {
  return /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(value)
}

const random = Buffer.allocUnsafeSlow(24 * 256)
let used = random.length

/** A new trace, sampled: an origin's parent-based sampler would otherwise drop what it samples today. */
function freshTraceParent(): string {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  const ids = random.toString('hex', used, used + 24)
  used += 24
  return `00-${ids.slice(0, 32)}-${ids.slice(32)}-01`
}

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
