/** Answers that leave through Fastify: foreign plugins change them there, and give some of their own, which are ours to finish. */
import type { FastifyReply } from 'fastify'
import type { Exchange } from '../exchange/exchange.ts'
import type { ReplyBody } from '../exchange/reply.ts'
import type { Problem } from '../problem.ts'
import { mustClose } from './answer.ts'
import type { EdgeEvents } from './edge.ts'

export class ForeignAnswers {
  readonly #events: Pick<EdgeEvents, 'fail' | 'respond'>
  readonly #replies: WeakMap<Exchange, FastifyReply>
  /** Foreign response hooks have begun to run. */
  readonly #leaving = new WeakSet<Exchange>()

  constructor(events: Pick<EdgeEvents, 'fail' | 'respond'>, replies: WeakMap<Exchange, FastifyReply>) {
    this.#events = events
    this.#replies = replies
  }

  begin(exchange: Exchange): void {
    this.#leaving.add(exchange)
  }

  /** A foreign plugin threw. One that does so on answers would do it on the problem too: that leaves without Fastify. */
  fail(exchange: Exchange, problem: Problem, through: FastifyReply): void {
    if (this.#leaving.has(exchange)) this.failAgain(exchange, problem, through)
    else this.#events.fail(exchange, problem)
  }

  failAgain(exchange: Exchange, problem: Problem, through: FastifyReply): void {
    through.hijack()
    this.#replies.delete(exchange)
    this.#events.fail(exchange, problem)
  }

  /** After the last foreign hook. What did not come from us is a foreign plugin's answer: hooks of ours above it run now. */
  async finish(exchange: Exchange, through: FastifyReply, payload: unknown): Promise<unknown> {
    const { reply } = exchange
    const ours = reply.sent || reply.source !== 'gateway'
    reply.statusCode = through.statusCode
    if (ours) return payload
    reply.headers.raw.push(...flat(through.getHeaders()))
    if (mustClose(exchange)) reply.header('connection', 'close')
    reply.send(payload as ReplyBody)
    await this.#events.respond(exchange)
    for (const name of Object.keys(through.getHeaders())) through.removeHeader(name)
    for (let i = 0; i < reply.headers.raw.length; i += 2)
      through.header(reply.headers.raw[i]!, reply.headers.raw[i + 1])
    through.code(reply.statusCode).header('x-request-id', exchange.facts.id)
    return reply.body
  }
}

function flat(headers: ReturnType<FastifyReply['getHeaders']>): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((one) => (one === undefined ? [] : [name, String(one)])),
  )
}
