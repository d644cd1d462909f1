/** Answers that the gateway itself gives: what a plugin or a route says, and problems. All pass the response hooks. */

import { pipeline, Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Exchange } from '../exchange/exchange.ts'
import type { UpstreamFailure } from '../exchange/stand-in.ts'
import { type Problem, problemDocument } from '../problem.ts'
import { breakOff } from '../proxy/break-off.ts'
import { type DeliveryPolicy, deliver, discard, endsConnection } from '../proxy/deliver.ts'
import type { ForwardPolicy } from '../proxy/forward-policy.ts'
import { toPluginProblem, toProblem } from '../proxy/problem-of.ts'
import { Passage } from './passage.ts'

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

/** Asks the plugin that offered to answer when the upstream fails, once. False: it has nothing, and nothing was sent. */
export function answerInstead(exchange: Exchange, failure: UpstreamFailure, policy: ForwardPolicy): boolean {
  const { standIn } = exchange
  exchange.standIn = null
  try {
    if (standIn === null || !standIn.answers(failure)) return false
  } catch (error) {
    policy.fail(exchange, toPluginProblem(error))
    return true
  }
  answerExchange(exchange, policy)
  return true
}

/** Makes the reply a problem document and sends it. After the head has gone out there is only breaking off. */
export function answerProblem(exchange: Exchange, problem: Problem, policy: ForwardPolicy): void {
  const { response } = exchange
  if (response!.headersSent) {
    breakOff(exchange, response!)
    return
  }
  if (response!.destroyed) return
  const hooked = exchange.failing
  response!.statusMessage = ''
  becomeProblem(exchange, problem)
  // The hooks have one chance: when one fails on a problem too, the problem it failed with leaves without them.
  exchange.failing = true
  if (hooked) deliverOrBreakOff(exchange, policy)
  else answerExchange(exchange, policy)
}

/** What the reply says of a problem, before response hooks change it. */
export function becomeProblem({ reply, facts }: Exchange, problem: Problem): void {
  // What was said of an answer that is not to be is not true of the problem.
  if (reply.source !== 'gateway' || reply.sent) reply.headers.raw.length = 0
  if (reply.body instanceof Readable) discard(reply.body)
  reply.source = 'gateway'
  reply.reason = undefined
  reply.code(problem.status).header('content-type', 'application/problem+json')
  reply.headers.raw.push(...problem.headers)
  reply.send(problemDocument(problem, facts.id))
}

/** The problem of a problem: if even that cannot be sent, nothing can. */
function deliverOrBreakOff(exchange: Exchange, policy: ForwardPolicy): void {
  try {
    deliverExchange(exchange, policy, undefined)
  } catch {
    // Two problems have been logged by now; the client sees the connection end.
    breakOff(exchange, exchange.response!)
  }
}

/** No more requests on this connection: it is to go elsewhere, or a body that nobody will read stands in between. */
export function mustClose(exchange: Exchange): boolean {
  if (endsConnection(exchange)) return true
  const { body, expectsContinue } = exchange.facts
  const { raw, problem } = exchange
  if (raw === null || body.kind === 'none') return false
  // RFC 9110 §10.1.1 lets the client leave its body out now. Attack: what stands between us takes the next request for that body.
  if (problem?.code === 'expectation-failed') return true
  if (raw.complete) return false
  if (expectsContinue) return true
  return body.kind === 'chunked' || body.length > MAX_DRAINED
}

/** Bytes of an unwanted body that are read and thrown away to keep a connection. */
const MAX_DRAINED = 64 * 1024

/** Hands the finished reply to the connection, or to Fastify where foreign plugins may still change it. */
export function deliverExchange(exchange: Exchange, policy: DeliveryPolicy, through: FastifyReply | undefined): void {
  if (exchange.response!.destroyed) return
  if (mustClose(exchange)) exchange.reply.header('connection', 'close')
  if (through === undefined) deliver(exchange, policy)
  else deliverThrough(exchange, policy, through)
}

function deliverThrough(exchange: Exchange, { name, bodyIdleMs }: DeliveryPolicy, through: FastifyReply): void {
  const { reply, response } = exchange
  const { body } = reply
  if (reply.reason !== undefined) response!.statusMessage = reply.reason
  through.code(reply.statusCode)
  for (const [header, values] of grouped(reply.headers.raw))
    through.header(header, values.length === 1 ? values[0] : values)
  through.header('x-request-id', exchange.facts.id)
  if (reply.source !== 'gateway') through.header('via', `1.1 ${name}`)
  if (body instanceof Readable) {
    // Not a listener: it would set the body flowing before foreign hooks have let it through.
    through.send(pipeline(body, new Passage(exchange, bodyIdleMs), () => {}))
    return
  }
  // Bytes: to text Fastify would add a charset that `application/problem+json` does not have (RFC 8259 §11).
  const bytes = Buffer.from(body ?? '')
  exchange.sent = bytes.length
  through.send(bytes)
}

function grouped(raw: readonly string[]): Map<string, string[]> {
  const fields = new Map<string, string[]>()
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    fields.set(name, [...(fields.get(name) ?? []), raw[i + 1]!])
  }
  return fields
}
