/** What the client sees of an upstream's response head: hop-by-hop fields out, framing left to the client's side. */
import type { Reply } from '../exchange/reply.ts'
import type { ResponseHead } from '../http1/client.ts'
import { hopByHop, nominated } from './hop-by-hop.ts'

/** Fields of the upstream's own connection or of the hop to us. `content-length` is put back where the body keeps its length. */
const dropped: ReadonlySet<string> = new Set([
  ...hopByHop,
  'content-length',
  'proxy-authenticate',
  'proxy-authentication-info',
  'trailer',
  'x-request-id',
])

/** Fills the reply from an upstream's head. What plugins have set before replaces the upstream's fields of the same names. */
export function takeResponseHead(reply: Reply, head: ResponseHead, method: string): void {
  const ours = reply.headers.raw.splice(0)
  const { raw } = reply.headers
  const named = nominated(head.headers)
  let length: string | null = null
  for (let i = 0; i < head.headers.length; i += 2) {
    const name = head.headers[i]!
    const lower = name.toLowerCase()
    if (lower === 'content-length') length = head.headers[i + 1]!
    if (dropped.has(lower) || named?.has(lower) === true || isSet(ours, lower)) continue
    raw.push(name, head.headers[i + 1]!)
  }
  for (const part of ours) raw.push(part)
  if (mayDeclareLength(head, method) && length !== null) raw.push('content-length', length)
  reply.statusCode = head.status
  reply.reason = head.reason
  reply.source = 'upstream'
}

/** RFC 9110 §8.6: none on 204; on HEAD and 304 it tells what a GET would have had. */
function mayDeclareLength(head: ResponseHead, method: string): boolean {
  if (head.status === 204) return false
  return head.body.kind === 'length' || method === 'HEAD' || head.status === 304
}

function isSet(ours: readonly string[], lower: string): boolean {
  for (let i = 0; i < ours.length; i += 2) if (ours[i] === lower) return true
  return false
}
