/**
 * What a request is, settled before anything is matched; or why it is refused. Node's parser (llhttp, strict) stands in
 * front; here is what it lets through and RFC 9110/9112 do not, or leave to guessing.
 */
import type { Limits } from '../config/config.ts'
import type { RequestFacts } from '../exchange/exchange.ts'
import { type NormalizedPath, normalizePath } from '../exchange/path.ts'
import { requestId } from '../exchange/request-id.ts'
import { Problem } from '../problem.ts'
import type { ProxyTrust } from './client-address.ts'
import { type Authority, parseAuthority } from './host.ts'
import type { RequestMeta } from './meta.ts'

/** What is looked at of a request head: Node's own object has it, and so has one that is only described. */
export interface ClientHead {
  readonly method?: string | undefined
  /** As on the request line. */
  readonly url?: string | undefined
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
  /** `servername`: what a TLS client asked for. */
  readonly socket: { readonly remoteAddress?: string | undefined; readonly servername?: string | false | null }
}

/** What the listener says of a request; `upgrade`: whether it is one. */
export type Arrival = Pick<RequestMeta, 'listener' | 'expectsContinue' | 'covers'> & { readonly upgrade: object | null }

export interface AdmissionPolicy {
  readonly limits: Limits
  readonly trust: ProxyTrust
}

export interface Admission {
  readonly facts: RequestFacts
  readonly path: NormalizedPath
  /** `OPTIONS *`: asks about the gateway itself (RFC 9110 §9.3.7). */
  readonly asterisk: boolean
  /** Why the request is refused; facts are then as good as they could be made. */
  readonly problem: Problem | null
}

interface Head {
  host: string | null
  hosts: number
  length: string | null
  transferEncoding: string | null
  requestId: string | null
  bytes: number
}

/** Node's parser takes these with RTSP/ and ICE/ alone, whose version it gives as HTTP's. */
const notOfHttp: ReadonlySet<string> = new Set(
  'SOURCE DESCRIBE ANNOUNCE SETUP PLAY PAUSE TEARDOWN GET_PARAMETER SET_PARAMETER REDIRECT RECORD FLUSH'.split(' '),
)

const noBody = { kind: 'none' } as const
const chunkedBody = { kind: 'chunked' } as const
const rootPath: NormalizedPath = { path: '/', kept: null, encodedSlash: false, reinterpretable: false }

export function admit(raw: ClientHead, meta: Arrival, policy: AdmissionPolicy): Admission {
  const { listener } = meta
  const head = scan(raw.rawHeaders)
  const target = splitTarget(raw)
  const authority = target.authority ?? (head.host === null ? null : parseAuthority(head.host))
  const path = target.problem === null ? normalizePath(target.path) : target.problem
  const { client, peer, trusted } = policy.trust.locate(raw.socket.remoteAddress ?? '', raw.rawHeaders)
  const kept = trusted && head.requestId !== null && /^[\x21-\x7e]{1,128}$/.test(head.requestId) ? head.requestId : null
  const normalized = typeof path === 'string' ? rootPath : path
  const facts: RequestFacts = {
    listener,
    method: raw.method!,
    rawHeaders: raw.rawHeaders,
    authority: authority?.authority ?? null,
    host: authority?.host ?? null,
    path: normalized.path,
    query: target.query,
    scheme: listener.protocol,
    clientAddress: client,
    peerAddress: peer,
    trusted,
    id: kept ?? requestId(),
    body: bodyOf(head),
    expectsContinue: meta.expectsContinue,
    upgrade: meta.upgrade !== null,
  }
  const problem = refusal(raw, head, { limits: policy.limits, authority, path }) ?? misdirection(raw, meta, facts)
  return { facts, path: normalized, asterisk: raw.url === '*' && problem === null, problem }
}

/** One pass over the fields that frame or route. */
function scan(rawHeaders: readonly string[]): Head {
  const head: Head = { host: null, hosts: 0, length: null, transferEncoding: null, requestId: null, bytes: 0 }
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    const value = rawHeaders[i + 1]!
    head.bytes += name.length + value.length + 4
    switch (name.length) {
      case 4:
        if (name === 'Host' || name.toLowerCase() === 'host') {
          head.host = value
          head.hosts++
        }
        break
      case 12:
        if (name.toLowerCase() === 'x-request-id') head.requestId = value
        break
      case 14:
        if (name.toLowerCase() === 'content-length') head.length = value
        break
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') {
          head.transferEncoding = head.transferEncoding === null ? value : `${head.transferEncoding}, ${value}`
        }
        break
    }
  }
  return head
}

/** Node's parser has refused a length that is not one plain number, and a length beside a transfer coding. */
function bodyOf(head: Head): RequestFacts['body'] {
  if (head.transferEncoding !== null) return chunkedBody
  return head.length === null ? noBody : { kind: 'length', length: Number(head.length) }
}

interface Target {
  readonly path: string
  readonly query: string
  /** Of an absolute-form target, which replaces Host (RFC 9112 §3.2.2). */
  readonly authority: Authority | null
  readonly problem: string | null
}

function splitTarget(raw: ClientHead): Target {
  const url = raw.url!
  if (url.charCodeAt(0) === 0x2f) return split(url, null)
  const absolute = /^https?:\/\/([^/?#]*)([^#]*)$/i.exec(url)
  if (absolute !== null) {
    const authority = parseAuthority(absolute[1]!)
    if (authority === null)
      return { path: '/', query: '', authority: null, problem: 'The request target names no valid host.' }
    const rest = absolute[2]!
    return split(rest.startsWith('/') ? rest : `/${rest}`, authority)
  }
  if (url === '*' && raw.method === 'OPTIONS') return { path: '/', query: '', authority: null, problem: null }
  return { path: '/', query: '', authority: null, problem: 'The request target has no form that is served here.' }
}

function split(url: string, authority: Authority | null): Target {
  const mark = url.indexOf('?')
  if (mark === -1) return { path: url, query: '', authority, problem: null }
  const query = url.slice(mark)
  const problem = /[#\x00-\x20\x7f-\uffff]/.test(query)
    ? 'The query has control bytes, raw bytes above ASCII or a fragment.'
    : null
  // A lone `?` is an empty query: nothing to forward, and no second spelling of one path.
  return { path: url.slice(0, mark), query: query === '?' ? '' : query, authority, problem }
}

function refusal(
  raw: ClientHead,
  head: Head,
  { limits, authority, path }: { limits: Limits; authority: Authority | null; path: NormalizedPath | string },
): Problem | null {
  const { httpVersion } = raw
  if (notOfHttp.has(raw.method!)) return bad('Only HTTP is spoken here.')
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return bad('Only HTTP/1.1 and HTTP/1.0 are spoken here.')
  // RFC 9112 §3.2: exactly one Host in HTTP/1.1; in HTTP/1.0 it may be missing.
  if (head.hosts > 1) return bad('There is more than one Host field.')
  if (head.hosts === 0 && httpVersion === '1.1') return bad('The Host field is missing.')
  if (head.host !== null && head.host !== '' && parseAuthority(head.host) === null)
    return bad('The Host field names no valid host.')
  if (authority === null && httpVersion === '1.1') return bad('The Host field names no host.')
  if (head.transferEncoding !== null) {
    // RFC 9112 §6.1: a transfer coding in HTTP/1.0 is faulty framing.
    if (httpVersion === '1.0') return bad('HTTP/1.0 knows no transfer coding.')
    if (head.transferEncoding.toLowerCase() !== 'chunked') {
      return new Problem('not-supported', 'The only transfer coding understood here is chunked.', {
        headers: lastAnswer,
      })
    }
  }
  // RFC 9110 §8.6: a length that a double cannot hold would be forwarded as another.
  if (head.length !== null && !Number.isSafeInteger(Number(head.length))) return bad('The Content-Length is too large.')
  if (typeof path === 'string') return new Problem('bad-request', path)
  if (raw.url!.length + raw.method!.length + 11 > limits.requestLine)
    return new Problem('uri-too-long', 'The request line is too long.')
  if (raw.rawHeaders.length / 2 > limits.headers)
    return new Problem('headers-too-large', 'There are too many header fields.')
  if (head.bytes > limits.headerBytes) return new Problem('headers-too-large', 'The header fields are too large.')
  return null
}

/** What this connection cannot give. RFC 9110 §15.5.20: the client was shown the certificate of another name than the one it asks for now. */
function misdirection(
  { url, socket }: ClientHead,
  { covers }: Arrival,
  { host, scheme, trusted }: RequestFacts,
): Problem | null {
  // RFC 9110 §7.4: only a trusted gateway may ask for an https resource over a connection that is not secured.
  if (scheme === 'http' && url!.charCodeAt(0) !== 0x2f && !trusted && /^https:/i.test(url!))
    return new Problem('misdirected-request', 'This connection is not secured, and the target is an https resource.')
  if (covers === null || host === null || typeof socket.servername !== 'string') return null
  if (covers(socket.servername, host)) return null
  return new Problem('misdirected-request', 'This connection was opened for another name: open one for this.')
}

/** Whoever sends such a head may mean another end of the message than we do: nothing is read behind it (RFC 9112 §6.1). */
const lastAnswer = ['connection', 'close']

function bad(detail: string): Problem {
  return new Problem('bad-request', detail, { headers: lastAnswer })
}
