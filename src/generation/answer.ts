/** Answers that the gateway itself gives: what a plugin or a route says, and problems. All pass the response hooks. */

import { compose, Readable, Transform } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Exchange } from '../exchange/exchange.ts'
import { type Problem, problemDocument } from '../problem.ts'
import { breakOff, deliver } from '../proxy/deliver.ts'
import type { ForwardPolicy } from '../proxy/forward.ts'
import { toProblem } from '../proxy/problem-of.ts'

/** Sends what stands in the reply, response hooks first. A hook that fails turns it into a problem. */
export function answerExchange(exchange: Exchange, policy: ForwardPolicy): void {
  let pending: Promise<void> | undefined
  try {
    pending = policy.respond(exchange)
  } catch (error) {
    policy.fail(exchange, toProblem(error))
    return
  }
  if (pending === undefined) policy.deliver(exchange)
  else
    pending.then(
      () => policy.deliver(exchange),
      (error) => policy.fail(exchange, toProblem(error)),
    )
}

/** Makes the reply a problem document and sends it. After the head has gone out there is only breaking off. */
export function answerProblem(exchange: Exchange, problem: Problem, policy: ForwardPolicy): void {
  const { response, reply } = exchange
  if (response!.headersSent) {
    breakOff(exchange, response!)
    return
  }
  if (response!.destroyed) return
  if (reply.source !== 'gateway') reply.headers.raw.length = 0
  if (reply.body instanceof Readable) reply.body.destroy()
  reply.source = 'gateway'
  reply.reason = undefined
  reply.code(problem.status).header('content-type', 'application/problem+json')
  reply.headers.raw.push(...problem.headers)
  if (mustClose(exchange)) reply.header('connection', 'close')
  reply.send(problemDocument(problem, exchange.facts.id))
  // The hooks have one chance: when one fails on a problem too, the problem it failed with leaves without them.
  const hooked = exchange.failing
  exchange.failing = true
  if (hooked) policy.deliver(exchange)
  else answerExchange(exchange, policy)
}

/** A body that nobody will read stands between this answer and the next request on the connection. */
function mustClose(exchange: Exchange): boolean {
  const { body } = exchange.facts
  const { raw } = exchange
  if (raw === null || raw.complete || body.kind === 'none') return false
  return body.kind === 'chunked' || body.length > MAX_DRAINED
}

/** Bytes of an unwanted body that are read and thrown away to keep a connection. */
const MAX_DRAINED = 64 * 1024

/** Hands the finished reply to the connection, or to Fastify where foreign plugins may still change it. */
export function deliverExchange(exchange: Exchange, name: string, through: FastifyReply | undefined): void {
  const { reply, response } = exchange
  if (response!.destroyed) return
  if (through === undefined) {
    deliver(exchange, response!, name)
    return
  }
  through.code(reply.statusCode)
  for (const [header, values] of grouped(reply.headers.raw))
    through.header(header, values.length === 1 ? values[0] : values)
  through.header('x-request-id', exchange.facts.id)
  if (reply.source !== 'gateway') through.header('via', `1.1 ${name}`)
  const { body } = reply
  if (body instanceof Readable) {
    through.send(compose(body, new Counted(exchange)))
    return
  }
  if (body !== null) exchange.sent = Buffer.byteLength(body)
  through.send(body ?? '')
}

/** Counts what a foreign chain is given to send; a listener of its own would set the body flowing before Fastify does. */
class Counted extends Transform {
  readonly #exchange: Exchange

  constructor(exchange: Exchange) {
    super()
    this.#exchange = exchange
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error: null, chunk: Buffer) => void): void {
    this.#exchange.sent += chunk.length
    done(null, chunk)
  }
}

function grouped(raw: readonly string[]): Map<string, string[]> {
  const fields = new Map<string, string[]>()
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    fields.set(name, [...(fields.get(name) ?? []), raw[i + 1]!])
  }
  return fields
}
