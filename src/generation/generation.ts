/** An immutable compiled config that serves: matches, runs the chain, forwards, and counts what is open so that it can be retired. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { Config } from '../config/config.ts'
import { Exchange } from '../exchange/exchange.ts'
import type { UpstreamRequest } from '../exchange/upstream-request.ts'
import { type Admission, type AdmissionPolicy, admit } from '../listener/admission.ts'
import type { RequestMeta } from '../listener/listener.ts'
import { Problem } from '../problem.ts'
import { type ForwardPolicy, forward } from '../proxy/forward.ts'
import { toProblem } from '../proxy/problem-of.ts'
import { addIdentity, hasPassedUs, type RequestHeadPolicy, requestHead } from '../proxy/request-head.ts'
import { tunnel } from '../proxy/upgrade.ts'
import { clientClosed } from '../proxy/upload.ts'
import type { RouteTable } from '../routing/table.ts'
import { answerExchange, answerProblem, deliverExchange } from './answer.ts'
import type { Chain } from './chain.ts'
import type { Edge, EdgeEvents } from './edge.ts'
import type { Route } from './route.ts'

/** What compiling a config made; see compile.ts. */
export interface Compiled {
  readonly config: Config
  readonly number: number
  readonly table: RouteTable<Route>
  readonly globalChain: Chain
  readonly globalEdge: Edge
  readonly edges: readonly Edge[]
  readonly admission: AdmissionPolicy
  readonly headPolicy: RequestHeadPolicy
  /** Lets go of pools, items and whatever else this generation holds. */
  release(): void
}

export interface GenerationEvents {
  /** An unexpected error on the way of a request: for the operator's log. */
  failed(exchange: Exchange, problem: Problem): void
}

/** A request's place in a generation while it is open. */
interface Open {
  readonly exchange: Exchange
  readonly route: Route | null
  /** Decided by the router: answered after the global plugins have run. */
  readonly refusal: Problem | null
  readonly meta: RequestMeta
}

export class Generation implements EdgeEvents {
  #compiled: Compiled | null = null
  readonly #events: GenerationEvents
  readonly #open = new WeakMap<IncomingMessage, Open>()
  readonly replies = new WeakMap<Exchange, FastifyReply>()
  #count = 0
  #idle: (() => void) | null = null

  constructor(events: GenerationEvents) {
    this.#events = events
  }

  /** Set once, before the first request: compiling needs the generation as the receiver of its edges' events. */
  complete(compiled: Compiled): void {
    this.#compiled = compiled
  }

  get compiled(): Compiled {
    if (this.#compiled === null) throw new Error('the generation is used before it is compiled')
    return this.#compiled
  }

  get number(): number {
    return this.compiled.number
  }

  /** Requests that began on this generation and are not over. */
  get openExchanges(): number {
    return this.#count
  }

  handle(raw: IncomingMessage, response: ServerResponse, meta: RequestMeta): void {
    const { compiled } = this
    const admission = admit(raw, meta.listener, {
      ...compiled.admission,
      upgrade: meta.upgrade !== null,
      expectsContinue: meta.expectsContinue,
    })
    const { facts, route, pattern, refusal } = this.#route(admission, meta)
    const exchange = new Exchange(facts, raw, response)
    exchange.route = route
    exchange.pattern = pattern
    exchange.recording = (route?.chain ?? compiled.globalChain).recording
    exchange.prepare = (self) => this.#prepare(self, route)
    this.#open.set(raw, { exchange, route, refusal, meta })
    this.#count++
    response.on('close', () => this.#closed(exchange, response))
    // Foreign plugins see the path as it is matched, never as it was sent.
    raw.url = facts.path + facts.query
    const edge = route?.edge ?? compiled.globalEdge
    edge.handle(raw, response)
  }

  /** Settles the route, or why there is none; `facts` then hold the path in the spelling that the route asks for. */
  #route(
    admission: Admission,
    meta: RequestMeta,
  ): {
    facts: Admission['facts']
    route: Route | null
    pattern: Exchange['pattern']
    refusal: Problem | null
  } {
    const { table } = this.compiled
    const none = { facts: admission.facts, route: null, pattern: null }
    const refused = meta.problem ?? admission.problem
    if (refused !== null || admission.asterisk) return { ...none, refusal: refused }
    const { path } = admission
    let { facts } = admission
    let result = table.match(facts, path.path)
    if (path.kept !== null) {
      const kept = table.match(facts, path.kept)
      if (kept.kind === 'route' && kept.route.config.slashes === 'keep') {
        result = kept
        facts = { ...facts, path: path.kept }
      }
    }
    if (result.kind === 'none')
      return { ...none, refusal: new Problem('route-not-found', 'No route matches this request.') }
    if (result.kind === 'method') {
      const headers = ['allow', result.allow.join(', ')]
      return {
        ...none,
        refusal: new Problem('method-not-allowed', 'The route does not allow this method.', { headers }),
      }
    }
    const { route, pattern } = result
    if (path.encodedSlash && route.config.encodedSlash !== 'keep') {
      return { ...none, refusal: new Problem('bad-request', 'The path has an encoded slash.') }
    }
    if (path.reinterpretable && route.config.aliasing === 'refuse' && table.alias(facts, facts.path, route) !== null) {
      return {
        ...none,
        refusal: new Problem('bad-request', 'The path is ambiguous: an origin could read it as another one.'),
      }
    }
    return { facts, route, pattern, refusal: null }
  }

  #prepare(exchange: Exchange, route: Route | null): UpstreamRequest {
    const { facts } = exchange
    const { path, query } = route?.rewrite?.(exchange) ?? facts
    const host = route?.config.action.kind === 'forward' ? route.config.action.host : 'keep'
    const authority = host === 'keep' ? facts.authority : host === 'target' ? null : host.name
    return requestHead(exchange, this.compiled.headPolicy, { path, query, host: authority })
  }

  #closed(exchange: Exchange, response: ServerResponse): void {
    if (!response.writableFinished && exchange.reply.statusCode !== 101) {
      exchange.aborted = true
      exchange.problem ??= clientClosed()
    }
    exchange.close()
    this.#count--
    if (this.#count === 0) this.#idle?.()
  }

  exchangeOf(raw: IncomingMessage): Exchange {
    return this.#openOf(raw).exchange
  }

  #openOf(raw: IncomingMessage): Open {
    const open = this.#open.get(raw)
    if (open === undefined) throw new Error('a request reached the edge without an exchange')
    return open
  }

  run(exchange: Exchange): void {
    let pending: Promise<void> | undefined
    try {
      pending = this.#chainOf(exchange).run(exchange)
    } catch (error) {
      this.fail(exchange, toProblem(error))
      return
    }
    if (pending === undefined) this.#afterChain(exchange)
    else
      pending.then(
        () => this.#afterChain(exchange),
        (error) => this.fail(exchange, toProblem(error)),
      )
  }

  async runPart(exchange: Exchange, from: number, to: number): Promise<'on' | 'answered' | Problem> {
    try {
      await this.#chainOf(exchange).run(exchange, from, to)
      return exchange.reply.sent ? 'answered' : 'on'
    } catch (error) {
      return toProblem(error)
    }
  }

  #chainOf(exchange: Exchange): Chain {
    return (exchange.route as Route | null)?.chain ?? this.compiled.globalChain
  }

  #afterChain(exchange: Exchange): void {
    if (exchange.reply.sent) this.answer(exchange)
    else this.finish(exchange)
  }

  answer(exchange: Exchange): void {
    answerExchange(exchange, this.#policyOf(exchange))
  }

  finish(exchange: Exchange): void {
    try {
      this.#finish(exchange)
    } catch (error) {
      this.fail(exchange, toProblem(error))
    }
  }

  #finish(exchange: Exchange): void {
    // The client left while the chain ran: there is nobody to forward for.
    if (exchange.response!.destroyed) return
    const { route, refusal, meta } = this.#openOf(exchange.raw!)
    if (refusal !== null) throw refusal
    // `OPTIONS *` is the one request without a route that is not refused.
    if (route === null) {
      exchange.reply.code(204).send()
      this.answer(exchange)
      return
    }
    const { action } = route.config
    if (action.kind === 'respond') {
      exchange.reply.headers.raw.push(...action.headers)
      exchange.reply.code(action.status).send(action.body)
      this.answer(exchange)
      return
    }
    if (action.kind === 'redirect') {
      exchange.reply.code(action.status).header('location', action.location).send()
      this.answer(exchange)
      return
    }
    if (hasPassedUs(exchange, this.compiled.headPolicy.name)) {
      throw new Problem('loop-detected', 'The request has passed this gateway before.')
    }
    addIdentity(exchange)
    if (meta.upgrade === null) forward(exchange, route.forwardTo!, this.#policyOf(exchange))
    else tunnel(exchange, route.forwardTo!, { ...meta.upgrade, policy: this.#policyOf(exchange) })
  }

  #policyOf(exchange: Exchange): ForwardPolicy {
    const { config, headPolicy } = this.compiled
    const chain = this.#chainOf(exchange)
    const reply = this.replies.get(exchange)
    return {
      name: headPolicy.name,
      bodyIdleMs: config.limits.bodyIdleMs,
      wantsStream: chain.changesBodies || reply !== undefined,
      respond: (one) => chain.respond(one),
      deliver: (one) => deliverExchange(one, headPolicy.name, reply),
      fail: (one, problem) => this.fail(one, problem),
    }
  }

  fail(exchange: Exchange, problem: Problem): void {
    exchange.problem = problem
    if (problem.code === 'internal' || problem.code === 'plugin-failed') this.#events.failed(exchange, problem)
    answerProblem(exchange, problem, this.#policyOf(exchange))
  }

  /** Resolves when the last exchange is over, or after the deadline; then lets go of everything. */
  async retire(deadlineMs: number): Promise<void> {
    if (this.#count > 0) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        this.#idle = resolve
        timer = setTimeout(resolve, deadlineMs)
        timer.unref()
      })
      clearTimeout(timer)
    }
    for (const edge of this.compiled.edges) await edge.close()
    this.compiled.release()
  }
}
