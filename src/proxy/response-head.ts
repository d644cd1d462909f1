/** What the client sees of an upstream's response head: hop-by-hop fields out, framing left to the client's side. */
import type { UpstreamResponse } from '../exchange/exchange.ts'
import { memoByName } from '../exchange/name-memo.ts'
import type { Reply } from '../exchange/reply.ts'
import type { ResponseHead } from '../http1/client.ts'
import { hopByHop } from '../http1/connection-fields.ts'
import { nominated } from './hop-by-hop.ts'

/** Fields of the upstream's own connection or of the hop to us. `content-length` is put back where the body keeps its length. */
const dropped: ReadonlySet<string> = new Set([
  ...hopByHop,
  'content-length',
  'proxy-authenticate',
  'proxy-authentication-info',
  'trailer',
  'x-request-id',
])

/**
 * Meant for whoever keeps or reads the content, so no upstream can name them away (RFC 9110 §7.6.1): a private answer would pass for
 * one that anybody may have. test/plugins/cache/nominated.test.ts
 */
const forAll: ReadonlySet<string> = new Set(
  `age cache-control cache-tag content-encoding content-language content-location content-range content-type date etag expires
  last-modified location pragma set-cookie surrogate-control surrogate-key vary warning`.split(/\s+/),
)

const treat = memoByName((lower): 'keep' | 'drop' | 'length' => {
  if (lower === 'content-length') return 'length'
  return dropped.has(lower) ? 'drop' : 'keep'
})

const none: readonly string[] = []

/** What is passed on of an interim answer: as of the last one. RFC 9110 §8.6: it has no length, which a client could take for the answer's. */
export function interimFields(headers: readonly string[]): string[] {
  const named = namedAway(headers)
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    if (treat(name) === 'keep' && !named?.has(name.toLowerCase())) kept.push(name, headers[i + 1]!)
  }
  return kept
}

/** The answer as it came, for those who ask later. */
export function upstreamResponseOf({ status, headers, body }: ResponseHead): UpstreamResponse {
  return { status, headers, length: body.kind === 'length' ? body.length : null }
}

/** Fills the reply from an upstream's head. What plugins have set before replaces the upstream's fields of the same names. */
export function takeResponseHead(reply: Reply, head: ResponseHead, method: string): void {
  const { raw } = reply.headers
  const ours = raw.length === 0 ? none : raw.splice(0)
  const named = namedAway(head.headers)
  let length: string | null = null
  for (let i = 0; i < head.headers.length; i += 2) {
    const name = head.headers[i]!
    const treated = treat(name)
    if (treated === 'length') length = head.headers[i + 1]!
    if (treated !== 'keep') continue
    if ((named !== null || ours !== none) && isReplaced(name.toLowerCase(), named, ours)) continue
    raw.push(name, head.headers[i + 1]!)
  }
  for (const part of ours) raw.push(part)
  if (length !== null && mayDeclareLength(head, method)) raw.push('content-length', withoutZeros(length))
  reply.statusCode = head.status
  reply.reason = head.reason
  reply.source = 'upstream'
  reply.parsed = head.headers
}

/** Fields that the upstream gave for the hop to us alone. */
function namedAway(headers: readonly string[]): ReadonlySet<string> | null {
  return nominated(headers)?.difference(forAll) ?? null
}

/** RFC 9110 §8.6: none on 204; on HEAD and 304 it tells what a GET would have had. */
function mayDeclareLength(head: ResponseHead, method: string): boolean {
  if (head.status === 204) return false
  return head.body.kind === 'length' || method === 'HEAD' || head.status === 304
}

/** RFC 9110 §8.6 lets zeros stand before a length: not every client counts as many digits. */
function withoutZeros(length: string): string {
  return length.length > 1 && length.startsWith('0') ? String(Number(length)) : length
}

/** Nominated by a Connection field, or set by a plugin already. */
function isReplaced(lower: string, named: ReadonlySet<string> | null, ours: readonly string[]): boolean {
  if (named?.has(lower) === true) return true
  for (let i = 0; i < ours.length; i += 2) if (ours[i] === lower) return true
  return false
}
