/** Fastify on the client edge: one catch-all for all chains of ours. Chains with foreign plugins: see foreign-edge.ts. */
import { type IncomingMessage, METHODS, type ServerResponse } from 'node:http'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Exchange } from '../exchange/exchange.ts'
import type { GatewayRequest } from '../exchange/gateway-request.ts'
import { Problem } from '../problem.ts'
import { toProblem } from '../proxy/problem-of.ts'
import { ownerOf } from './policy.ts'

/** What the edge hands exchanges on to. */
export interface EdgeEvents {
  /** Runs a chain of ours from its first step to the answer. */
  run(exchange: Exchange): void
  /** Runs steps `from` to `to` of the exchange's chain; resolves with what came of it, and rejects never. */
  runPart(exchange: Exchange, from: number, to: number): Promise<'on' | 'answered' | Problem>
  /** Sends what a plugin answered, response hooks first. */
  answer(exchange: Exchange): void
  /** After the last step: forward, or answer as the route says. */
  finish(exchange: Exchange): void
  /** Answers with a problem, wherever the exchange stands. */
  fail(exchange: Exchange, problem: Problem): void
  /** Runs the response hooks of ours on what a foreign plugin answered. Rejects with the problem of one that fails. */
  respond(exchange: Exchange): Promise<void>
}

/** The exchange of a request that one of our listeners made. */
export function exchangeOf(raw: IncomingMessage): Exchange {
  const { exchange } = raw as GatewayRequest
  if (exchange === null) throw new Error('a request reached the edge without an exchange')
  return exchange
}

export interface Edge {
  /** All of its chains are ours: they can be run without Fastify, too. */
  readonly isNative: boolean
  handle(raw: IncomingMessage, response: ServerResponse): void
  close(): Promise<void>
}

/**
 * The edge of every chain without foreign packages: hooks and handler are ours, so one route serves them all. Generations share
 * one: making it takes longer than a request should wait, and an exchange knows which of them it began on.
 */
export class NativeEdge implements Edge {
  readonly isNative = true
  readonly #app: FastifyInstance
  readonly ready: Promise<void>

  constructor() {
    const fail = (exchange: Exchange, problem: Problem) => ownerOf(exchange).fail(exchange, problem)
    this.#app = createApp({ fail }, fail)
    this.#app.addHook('onRequest', (request, reply, _done) => {
      // Hijacked before any parser looks at content-type: the body stays a raw stream (`_done` is never called).
      reply.hijack()
      const exchange = exchangeOf(request.raw)
      ownerOf(exchange).run(exchange)
    })
    addCatchAll(this.#app, () => {})
    this.ready = Promise.resolve(this.#app.ready()).then(() => {})
  }

  handle(raw: IncomingMessage, response: ServerResponse): void {
    this.#app.routing(raw, response)
  }

  close(): Promise<void> {
    return this.#app.close()
  }
}

/** Told of what foreign code threw, and through which reply. */
type Failed = (exchange: Exchange, problem: Problem, reply: FastifyReply) => void

export function createApp(events: Pick<EdgeEvents, 'fail'>, failed: Failed): FastifyInstance {
  const app = Fastify({
    logger: false,
    exposeHeadRoutes: false,
    requestTimeout: 0,
    genReqId: (raw) => exchangeOf(raw as IncomingMessage).facts.id,
    frameworkErrors: (error, request) => {
      events.fail(exchangeOf(request.raw), toProblem(error))
    },
  })
  for (const method of METHODS) if (!app.supportedMethods.includes(method)) app.addHttpMethod(method, { hasBody: true })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.setErrorHandler((error, request, reply) => {
    failed(exchangeOf(request.raw), foreignProblem(error), reply)
  })
  app.setNotFoundHandler((request) => {
    events.fail(exchangeOf(request.raw), new Problem('internal', 'Something went wrong inside the gateway.'))
  })
  return app
}

export function addCatchAll(
  app: FastifyInstance,
  handler: (request: FastifyRequest, reply: FastifyReply) => void,
): void {
  app.route({ method: app.supportedMethods as never, url: '*', handler: handler as never })
}

/** A foreign plugin's error: its status is a hint, its words stay inside. */
export function foreignProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  const status = (error as { statusCode?: unknown }).statusCode
  if (status === 401) return new Problem('credentials-invalid', 'A plugin refused the credentials.', { cause: error })
  if (status === 403) return new Problem('forbidden', 'A plugin refused the request.', { cause: error })
  if (status === 413) return new Problem('body-too-large', 'A plugin refused the body as too large.', { cause: error })
  if (status === 429)
    return new Problem('rate-limited', 'A plugin refused the request as one too many.', { cause: error })
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new Problem('bad-request', 'A plugin refused the request.', { cause: error })
  return new Problem('plugin-failed', 'A plugin failed on this request.', { cause: error })
}
