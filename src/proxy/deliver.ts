/** Writes an answer to the client's connection. The last step of every exchange that answers at all. */
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { Exchange } from '../exchange/exchange.ts'
import type { GatewayRequest } from '../exchange/gateway-request.ts'

/** Adds what every answer carries and hands the head to Node; nothing is on the wire before the first body byte or the end. */
export function writeHead(exchange: Exchange, response: ServerResponse, name: string): void {
  const { reply } = exchange
  const { raw } = reply.headers
  raw.push('x-request-id', exchange.facts.id)
  if ((exchange.raw as GatewayRequest | null)?.listener?.draining === true) reply.headers.set('connection', 'close')
  if (reply.source !== 'gateway') reply.headers.append('via', `1.1 ${name}`)
  if (reply.reason === undefined) response.writeHead(reply.statusCode, raw)
  else response.writeHead(reply.statusCode, reply.reason, raw)
}

/** Sends an answer whose body the gateway holds or streams: everything but an untouched upstream body. */
export function deliver(exchange: Exchange, response: ServerResponse, name: string): void {
  const { reply } = exchange
  const { body } = reply
  if (body instanceof Readable) {
    stream(exchange, response, { body, name })
    return
  }
  const bytes = body === null ? null : typeof body === 'string' ? Buffer.from(body) : body
  if (hasNoBody(exchange)) {
    if (bytes !== null && exchange.facts.method === 'HEAD' && !reply.headers.has('content-length')) {
      reply.headers.append('content-length', String(bytes.length))
    }
    writeHead(exchange, response, name)
    finish(exchange, response)
    return
  }
  reply.headers.set('content-length', String(bytes?.length ?? 0))
  writeHead(exchange, response, name)
  exchange.sent = bytes?.length ?? 0
  // One latin1 string joins head and body in one write; a Buffer would cost a writev (measured, 1 µs).
  if (bytes !== null && bytes.length > 0 && bytes.length <= SMALL) finish(exchange, response, bytes.toString('latin1'))
  else finish(exchange, response, bytes ?? undefined)
}

/** How long an answer's connection waits for a request body that nobody wants, before it closes on it. */
const LINGER_MS = 1000

/**
 * Ends the answer; strings are latin1. A client that is still sending its body is read on for a moment: closing with
 * bytes unread makes the kernel send a reset, which can take the answer away from the client (RFC 9112 §9.6).
 */
export function finish(exchange: Exchange, response: ServerResponse, last?: Buffer | string): void {
  const { raw, facts } = exchange
  if (raw === null || raw.complete || facts.body.kind === 'none') {
    if (last === undefined) response.end()
    else response.end(last, 'latin1')
    return
  }
  if (last === undefined) response.flushHeaders()
  else response.write(last, 'latin1')
  const patience = setTimeout(() => response.end(), LINGER_MS)
  raw.once('end', () => response.end())
  response.once('close', () => clearTimeout(patience))
  raw.resume()
}

const SMALL = 16 * 1024

function stream(exchange: Exchange, response: ServerResponse, { body, name }: { body: Readable; name: string }): void {
  writeHead(exchange, response, name)
  if (hasNoBody(exchange)) {
    body.destroy()
    finish(exchange, response)
    return
  }
  body.on('data', (chunk: Buffer) => {
    exchange.sent += chunk.length
    if (!response.write(chunk)) body.pause()
  })
  response.on('drain', () => body.resume())
  body.on('end', () => finish(exchange, response))
  body.on('error', () => breakOff(exchange, response))
  response.on('close', () => body.destroy())
}

/** RFC 9110 §6.4.1: these answers have no body, whatever was meant. */
export function hasNoBody(exchange: Exchange): boolean {
  const { statusCode } = exchange.reply
  return exchange.facts.method === 'HEAD' || statusCode === 204 || statusCode === 304 || statusCode < 200
}

/**
 * Ends an answer that cannot be completed so that it never looks complete. An HTTP/1.0 client reads to the end of the
 * connection, so only a reset tells it (RFC 9112 §8).
 */
export function breakOff(exchange: Exchange, response: ServerResponse): void {
  exchange.aborted = true
  const { socket } = response
  const plain = socket !== null && !('encrypted' in socket)
  if (plain && exchange.raw?.httpVersionMinor === 0) socket.resetAndDestroy()
  else response.destroy()
}
