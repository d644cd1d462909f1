/** Decides how the body of a response ends (RFC 9112 §6.3) and whether its connection persists (§9.3). Pure. */
import type { PoolOptions, ResponseHead } from './client.ts'
import { MalformedResponse } from './field-section.ts'

export interface BodyFraming {
  readonly kind: 'none' | 'length' | 'chunked' | 'until-close'
  /** Bytes when known from the head, else -1. */
  readonly length: number
}

/** The fields of a response that say something about the connection, gathered while its head is read. */
export interface FramingFields {
  contentLength: string | undefined
  transferEncoding: string | undefined
  connection: string | undefined
  keepAlive: string | undefined
}

const NONE: BodyFraming = { kind: 'none', length: 0 }
const CHUNKED: BodyFraming = { kind: 'chunked', length: -1 }
const UNTIL_CLOSE: BodyFraming = { kind: 'until-close', length: -1 }

/** Takes framing fields out of a field list; a Content-Length repeated with the same value is left in once (RFC 9110 §8.6). */
export function gatherFraming(fields: string[], found: FramingFields): void {
  found.contentLength = undefined
  found.transferEncoding = undefined
  found.connection = undefined
  found.keepAlive = undefined
  for (let i = 0; i < fields.length; i += 2) {
    const length = fields[i]!.length
    if (length !== 10 && length !== 14 && length !== 17) continue
    const name = lowerCase(fields[i]!)
    const value = fields[i + 1]!
    if (name === 'connection') found.connection = join(found.connection, value)
    else if (name === 'keep-alive') found.keepAlive = join(found.keepAlive, value)
    else if (name === 'transfer-encoding') {
      if (value === '') throw new MalformedResponse('an empty Transfer-Encoding')
      found.transferEncoding = join(found.transferEncoding, value)
    } else if (name === 'content-length') {
      if (found.contentLength === undefined) found.contentLength = value
      else if (found.contentLength !== value) throw new MalformedResponse('two different Content-Length fields')
      else {
        fields.splice(i, 2)
        i -= 2
      }
    }
  }
}

/** Most spell them so. */
function lowerCase(name: string): string {
  if (name === 'Content-Length') return 'content-length'
  return name === 'Connection' ? 'connection' : name.toLowerCase()
}

/** Throws MalformedResponse when the fields contradict each other, also where there is no body: they go on to the client. */
export function frameBody(method: string, status: number, minorVersion: 0 | 1, fields: FramingFields): BodyFraming {
  const { contentLength, transferEncoding } = fields
  const length = contentLength === undefined ? -1 : parseLength(contentLength)
  // RFC 9112 §6.3: both together are the sign of a smuggled or split response.
  if (transferEncoding !== undefined && length >= 0) {
    throw new MalformedResponse('Transfer-Encoding and Content-Length together')
  }
  if (method === 'HEAD' || status === 204 || status === 304 || status < 200) return NONE
  if (transferEncoding !== undefined) {
    // RFC 9112 §6.1: an HTTP/1.0 message with a coding has faulty framing.
    if (minorVersion === 0) throw new MalformedResponse('Transfer-Encoding in an HTTP/1.0 response')
    if (transferEncoding.toLowerCase() !== 'chunked') throw new MalformedResponse('an unknown Transfer-Encoding')
    return CHUNKED
  }
  if (length < 0) return UNTIL_CLOSE
  return length === 0 ? { kind: 'length', length: 0 } : { kind: 'length', length }
}

/** RFC 9112 §9.3: HTTP/1.1 persists unless told otherwise, HTTP/1.0 only when told so. */
export function persists(minorVersion: 0 | 1, connection: string | undefined): boolean {
  if (connection === undefined) return minorVersion === 1
  if (connection === 'keep-alive') return true
  const options = connection.toLowerCase().split(',')
  let keepAlive = minorVersion === 1
  for (const option of options) {
    const name = option.trim()
    if (name === 'close') return false
    if (name === 'keep-alive') keepAlive = true
  }
  return keepAlive
}

/** Seconds of `Keep-Alive: timeout=N`, or -1: how long the upstream says it will wait on an idle connection. */
export function keepAliveSeconds(keepAlive: string | undefined): number {
  if (keepAlive === undefined) return -1
  for (const parameter of keepAlive.toLowerCase().split(',')) {
    const [name, value] = parameter.split('=')
    if (name!.trim() === 'timeout') return value === undefined ? -1 : parseSeconds(value.trim())
  }
  return -1
}

/** How long a connection may stay idle: a second less than the upstream waits, so that we close first. 0: not at all. */
export function idleAllowanceMs(hintSeconds: number, idleTimeoutMs: number): number {
  return hintSeconds < 0 ? idleTimeoutMs : Math.min(idleTimeoutMs, Math.max(0, hintSeconds - 1) * 1000)
}

/** How long a body may pause: an event stream (WHATWG HTML §9.2) is silent while nothing happens, and never has a length. */
export function bodyIdleMs({ body, headers }: ResponseHead, options: PoolOptions): number {
  if (body.kind === 'length' || body.kind === 'none') return options.bodyIdleTimeoutMs
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.length !== 12 || headers[i]!.toLowerCase() !== 'content-type') continue
    if (/^text\/event-stream *(?:;|$)/i.test(headers[i + 1]!)) return options.streamIdleTimeoutMs
  }
  return options.bodyIdleTimeoutMs
}

function parseSeconds(text: string): number {
  const seconds = Number(text.replaceAll('"', ''))
  return Number.isSafeInteger(seconds) && seconds >= 0 ? seconds : -1
}

/** RFC 9110 §8.6: digits, as many as a head may have; never a number that has lost its last ones in a double. */
function parseLength(text: string): number {
  if (text === '') throw new MalformedResponse('an invalid Content-Length')
  let length = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) throw new MalformedResponse('an invalid Content-Length')
    length = length * 10 + digit
    if (length > Number.MAX_SAFE_INTEGER) throw new MalformedResponse('an invalid Content-Length')
  }
  return length
}

function join(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`
}
