/** A request in words — method, URL, headers, who asks — as the head that a client would send. */
import { METHODS } from 'node:http'
import { isIP } from 'node:net'
import type { ListenerConfig } from '../config/config.ts'
import type { AssumedIdentity } from '../exchange/consumer.ts'
import { isFieldValue, isToken } from '../exchange/headers.ts'
import { normalizePath } from '../exchange/path.ts'
import type { DescribedArrival } from '../generation/dry-run.ts'
import type { Compiled } from '../generation/generation.ts'
import { describedMeta } from '../listener/meta.ts'
import { assumedIdentity } from './identity.ts'

const httpVersions = ['1.1', '1.0'] as const
export type HttpVersion = (typeof httpVersions)[number]

export interface DescribedRequest {
  readonly method: string
  /** `/path?query`, `host/path` or a whole URL; byte for byte as a client would send it. */
  readonly url: string
  /** Flat name, value, … */
  readonly headers?: readonly string[]
  /** The address that the connection comes from. */
  readonly ip?: string | undefined
  /** Name of the listener; without it the first one that fits the URL. */
  readonly listener?: string | undefined
  /** A consumer of the config, whose credentials are taken as checked. */
  readonly as?: string | undefined
  /** What the token says, taken as verified. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined
  /** In place of `as` and `claims`. */
  readonly identity?: AssumedIdentity | undefined
  /** The version of HTTP; without it 1.1. A request in 1.0 has no host but the one that it is described with. */
  readonly http?: HttpVersion | undefined
  /** Bytes of the body. */
  readonly bodyLength?: number | undefined
}

/** There is nothing to explain: the description is none of a request (`part` is wrong), or nothing was decided about it. */
export class DescriptionError extends Error {
  override readonly name = 'DescriptionError'
  readonly part: keyof DescribedRequest

  constructor(part: keyof DescribedRequest, message: string) {
    super(message)
    this.part = part
  }
}

/** From nobody's network (RFC 5737): what is let through by address has to be asked for by address. */
export const SOMEBODY = '192.0.2.1'

/** The head of a described request. Throws DescriptionError. */
export function arrivalOf(request: DescribedRequest, { config, table }: Compiled): DescribedArrival {
  const { method, ip = SOMEBODY, http = '1.1' } = request
  if (!METHODS.includes(method)) {
    const hint = METHODS.includes(method.toUpperCase()) ? `: write ${method.toUpperCase()}` : ''
    throw new DescriptionError('method', `"${method}" is no HTTP method${hint}`)
  }
  if (!httpVersions.includes(http))
    throw new DescriptionError('http', `"${http}" is no version of HTTP here: write 1.1 or 1.0`)
  if (isIP(ip) === 0) throw new DescriptionError('ip', `"${ip}" is no IP address`)
  const target = targetOf(request.url)
  const listener = listenerFor(request, target, config.listeners)
  const rawHeaders = headersOf(request)
  if (!rawHeaders.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'host')) {
    const guessed = () => hostFor(target.path, table.hostsCovering(listener.name, pathOf(target.path)))
    const host = target.host ?? (http === '1.0' ? null : guessed())
    if (host !== null) rawHeaders.unshift('host', host)
  }
  const head = { method, url: target.path, httpVersion: http, rawHeaders, socket: { remoteAddress: ip } }
  const meta = describedMeta(listener, { ...head, headers: joined(rawHeaders) })
  // As the listener does: what CONNECT asks for is no path.
  const url = method === 'CONNECT' ? '/' : head.url
  return { head: { ...head, url }, meta, assumed: request.identity ?? assumedIdentity(request, config) }
}

interface Target {
  readonly scheme: string | null
  readonly host: string | null
  /** With the query. */
  readonly path: string
}

function targetOf(text: string): Target {
  if (/[\x00-\x20\x7f]/.test(text)) throw new DescriptionError('url', 'a URL has no blanks: write %20')
  // Bytes, as Node's parser hands them over.
  const url = Buffer.from(text).toString('latin1')
  if (url.startsWith('*') || url.startsWith('/')) return { scheme: null, host: null, path: url }
  const parts = /^(?:(https?):\/\/)?([^/?#]+)(.*)$/is.exec(url)
  if (parts === null || (parts[1] === undefined && url.includes('://'))) {
    throw new DescriptionError('url', `"${text}" is none of /path, host/path and http(s)://host/path`)
  }
  const [, scheme = null, host = '', rest = ''] = parts
  return { scheme: scheme?.toLowerCase() ?? null, host, path: rest.startsWith('/') ? rest : `/${rest}` }
}

function listenerFor(
  { listener: name }: DescribedRequest,
  { scheme, host }: Target,
  listeners: readonly ListenerConfig[],
): ListenerConfig {
  if (name !== undefined) {
    const named = listeners.find((listener) => listener.name === name)
    if (named !== undefined) return named
    const names = listeners.map((listener) => listener.name).join(', ')
    throw new DescriptionError('listener', `there is no listener "${name}"; there is ${names}`)
  }
  const port = /:([0-9]+)$/.exec(host ?? '')?.[1]
  const onPort = port === undefined ? undefined : listeners.find((listener) => String(listener.port) === port)
  return onPort ?? listeners.find(({ protocol }) => protocol === scheme) ?? listeners[0]!
}

function headersOf({ headers = [], bodyLength, method }: DescribedRequest): string[] {
  const raw: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    const value = Buffer.from(headers[i + 1]!.trim()).toString('latin1')
    if (!isToken(name)) throw new DescriptionError('headers', `"${name}" is no header name`)
    if (!isFieldValue(value)) throw new DescriptionError('headers', `the value of ${name} has control characters`)
    raw.push(name, value)
  }
  if (bodyLength !== undefined) raw.push('content-length', String(bodyLength))
  checkFraming(raw, method)
  return raw
}

/** What Node's parser refuses before anybody sees a request (RFC 9112 §6.3). */
function checkFraming(raw: readonly string[], method: string): void {
  const { 'content-length': length, 'transfer-encoding': coding } = joined(raw)
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length))
    throw new DescriptionError('headers', 'content-length is one plain number')
  if (length !== undefined && coding !== undefined)
    throw new DescriptionError('headers', 'a request has content-length or transfer-encoding, not both')
  if (method === 'CONNECT' && (length ?? coding) !== undefined)
    throw new DescriptionError('headers', 'CONNECT has no body')
}

/** The Host that a request without one is made for: where every route for the path asks for one host, that one. */
function hostFor(path: string, hosts: readonly (string | null)[]): string {
  if (hosts.length === 0 || hosts.includes(null)) return 'localhost'
  const [only, second] = hosts
  if (second === undefined && !only!.startsWith('*')) return only!
  throw new DescriptionError('url', `several hosts have a route for ${path}: name one, ${hosts.join(' or ')}`)
}

function pathOf(target: string): string {
  const mark = target.indexOf('?')
  const normalized = normalizePath(mark === -1 ? target : target.slice(0, mark))
  return typeof normalized === 'string' ? '/' : normalized.path
}

/** As Node joins repeated fields. */
function joined(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    headers[name] = headers[name] === undefined ? raw[i + 1]! : `${headers[name]}, ${raw[i + 1]}`
  }
  return headers
}
