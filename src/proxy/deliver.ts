/** Writes an answer to the client's connection. The last step of every exchange that answers at all. */

import { Buffer } from 'node:buffer'
import { type ServerResponse, STATUS_CODES } from 'node:http'
import process from 'node:process'
import { Readable } from 'node:stream'
import type { ClientResponse } from '../exchange/client.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { HeaderList } from '../exchange/headers.ts'
import type { Problem } from '../problem.ts'
import { writeDirectHead } from './direct-head.ts'
import { toPluginProblem } from './problem-of.ts'
import { endStall, watchStall } from './stall.ts'
import { forwardableTrailers, namesConnection } from './trailers.ts'

/** Above this a whole body of an upstream is not worth copying into one string with its head. */
export const JOINED = 64 * 1024

export interface DeliveryPolicy {
  /** Our name in `via`. */
  readonly name: string
  /** How long either peer of the client's connection may make no progress on a body. */
  readonly bodyIdleMs: number
  /** Answers with a problem, or breaks off where the answer has begun. */
  fail(exchange: Exchange, problem: Problem): void
}

/** Node's own, and none of the plain path's. Not `instanceof`, which is looked up anew for each answer. */
function isOfNode(response: ClientResponse): response is ServerResponse {
  return response.copies === undefined
}

/** Adds what every answer carries and writes the head; nothing of it is on the wire before this returns. */
export function writeHead(exchange: Exchange, response: ClientResponse, name: string): void {
  const { reply } = exchange
  const { raw } = reply.headers
  raw.push('x-request-id', exchange.facts.id)
  if (endsConnection(exchange)) reply.headers.set('connection', 'close')
  if (reply.source !== 'gateway') reply.headers.append('via', `1.1 ${name}`)
  const status = reply.statusCode
  const reason = reply.reason ?? STATUS_CODES[status] ?? 'unknown'
  const { parsed } = reply
  if (isOfNode(response)) {
    const head = { status, reason, fields: raw, parsed, bodiless: hasNoBody(exchange) }
    if (writeDirectHead(response, head)) return
    lengthLast(reply.headers)
  }
  response.writeHead(status, reason, raw, parsed)
}

/** Node takes a `content-disposition` that follows a length for UTF-8, and would change its bytes. */
function lengthLast(headers: HeaderList): void {
  const length = headers.get('content-length')
  if (length === undefined || !headers.has('content-disposition')) return
  headers.delete('content-length')
  headers.append('content-length', length)
}

/**
 * Sends the head with what comes along in this turn, or alone: a body may have nothing to say for a while, and browsers wait for
 * the head. Responses of our own do so by themselves.
 */
export function flushHeadSoon(response: ClientResponse): void {
  if (isOfNode(response)) process.nextTick(flushHead, response)
}

function flushHead(response: ServerResponse): void {
  // Node's own flush sends the head as UTF-8, and each byte above ASCII as two.
  if (!response.destroyed && !response.writableEnded) response.write('', 'latin1')
}

/** Ends an answer with a piece that is there only until this returns. */
export function endWith(response: ClientResponse, piece: Buffer): void {
  if (response.copies?.(piece.length) === true) response.end(piece)
  else response.end(piece.toString('latin1'), 'latin1')
}

/**
 * No more requests are answered on the client's connection: its listener is about to close, the client has ended its side
 * (RFC 9112 §9.6), or the parser reads nothing behind this one.
 */
export function endsConnection({ raw, facts }: Exchange): boolean {
  if (raw === null) return false
  if (raw.isLast || raw.listener?.draining === true) return true
  return facts.body.kind === 'chunked' && namesConnection(raw.rawTrailers ?? [])
}

/** Sends an answer whose body the gateway holds or streams: everything but an untouched upstream body. */
export function deliver(exchange: Exchange, policy: DeliveryPolicy): void {
  const { reply } = exchange
  const response = exchange.response!
  const { body } = reply
  if (body instanceof Readable) {
    stream(exchange, body, policy)
    return
  }
  const bytes = bytesOf(body)
  if (hasNoBody(exchange)) {
    if (bytes !== null && exchange.facts.method === 'HEAD' && !reply.headers.has('content-length')) {
      reply.headers.append('content-length', String(bytes.length))
    }
    writeHead(exchange, response, policy.name)
    response.end()
    return
  }
  reply.headers.set('content-length', String(bytes?.length ?? 0))
  writeHead(exchange, response, policy.name)
  exchange.sent = bytes?.length ?? 0
  if (bytes === null) response.end()
  else if (bytes.length > PIECE && response.socket !== null && 'encrypted' in response.socket)
    endInPieces(exchange, bytes, policy.bodyIdleMs)
  // Node's own: one latin1 string joins head and body in one write; a Buffer would cost a writev (measured, 1 µs).
  else if (bytes.length <= SMALL && isOfNode(response)) response.end(bytes.toString('latin1'), 'latin1')
  else response.end(bytes)
  watchStall(exchange, policy.bodyIdleMs)
}

/** Of an upstream's answer. */
export function addTrailers({ response, upstreamResponse }: Exchange, trailers: readonly string[]): void {
  const kept = forwardableTrailers(trailers, upstreamResponse!.headers, isTheirs)
  const pairs: [string, string][] = []
  for (let i = 0; i < kept.length; i += 2) pairs.push([kept[i]!, kept[i + 1]!])
  if (pairs.length > 0) response!.addTrailers(pairs)
}

/** An upstream does not speak for the gateway, here no more than in its head. */
function isTheirs(name: string): boolean {
  return name.toLowerCase() !== 'x-request-id'
}

const SMALL = 16 * 1024

const PIECE = 256 * 1024

/**
 * TLS encrypts at once all that it is given: a client that does not read would hold a copy of an answer from the cache, which all
 * clients share otherwise.
 */
function endInPieces(exchange: Exchange, bytes: Buffer, idleMs: number): void {
  const response = exchange.response!
  let at = 0
  const more = () => {
    let goesOn = true
    while (goesOn && at + PIECE < bytes.length) {
      goesOn = response.write(bytes.subarray(at, at + PIECE))
      at += PIECE
    }
    if (goesOn) response.end(bytes.subarray(at))
  }
  response.on('drain', () => {
    if (response.writableEnded) return
    endStall(response)
    more()
    watchStall(exchange, idleMs)
  })
  more()
}

/** Throws TypeError on what is no body: plugins in JavaScript send anything. */
function bytesOf(body: string | Buffer | null): Buffer | null {
  if (typeof body === 'string') return Buffer.from(body)
  if (body === null || Buffer.isBuffer(body)) return body
  throw new TypeError('a plugin answered with a body that is neither text, nor bytes, nor a stream')
}

function stream(exchange: Exchange, body: Readable, policy: DeliveryPolicy): void {
  const response = exchange.response!
  if (body.destroyed) throw body.errored ?? new Error('a plugin closed the body before its end')
  writeHead(exchange, response, policy.name)
  if (hasNoBody(exchange)) {
    discard(body)
    response.end()
    return
  }
  flushHeadSoon(response)
  const broken = (error: unknown) => {
    // When the upstream broke off or the client left, that has been said; the rest of the streams only follow.
    if (!exchange.aborted) policy.fail(exchange, toPluginProblem(error))
  }
  body.on('data', (chunk: Buffer) => {
    exchange.sent += chunk.length
    try {
      if (response.write(chunk)) return
    } catch (error) {
      broken(error)
      return
    }
    body.pause()
    watchStall(exchange, policy.bodyIdleMs)
  })
  response.on('drain', () => {
    endStall(response)
    body.resume()
  })
  body.on('end', () => {
    response.end()
    watchStall(exchange, policy.bodyIdleMs)
  })
  body.on('error', broken)
  body.on('close', () => {
    if (!body.readableEnded) broken(new Error('a plugin closed the body before its end'))
  })
  response.on('close', () => body.destroy())
}

/** Ends a body that nobody reads. One that was composed of streams calls that an error, which would end the process. */
export function discard(body: Readable): void {
  body.on('error', () => {})
  body.destroy()
}

/** RFC 9110 §6.4.1: these answers have no body, whatever was meant. */
export function hasNoBody(exchange: Exchange): boolean {
  const { statusCode } = exchange.reply
  return exchange.facts.method === 'HEAD' || statusCode === 204 || statusCode === 304 || statusCode < 200
}
