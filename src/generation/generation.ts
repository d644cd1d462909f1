/** An immutable compiled config that serves: matches, runs the chain, forwards, and counts what is open so that it can be retired. */
import type { ServerResponse } from 'node:http'
import type { Config } from '../config/config.ts'
import { Exchange } from '../exchange/exchange.ts'
import type { GatewayRequest } from '../exchange/gateway-request.ts'
import type { UpstreamRequest } from '../exchange/upstream-request.ts'
import { type Admission, type AdmissionPolicy, admit } from '../listener/admission.ts'
import type { RequestMeta } from '../listener/listener.ts'
import { Problem } from '../problem.ts'
import { type ForwardPolicy, forward } from '../proxy/forward.ts'
import { toProblem } from '../proxy/problem-of.ts'
import { addIdentity, hasPassedUs, type RequestHeadPolicy, requestHead } from '../proxy/request-head.ts'
import { tunnel } from '../proxy/upgrade.ts'
import type { MatchResult, RouteTable } from '../routing/table.ts'
import { answerExchange, answerProblem } from './answer.ts'
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
  readonly globalPolicy: ForwardPolicy
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

export class Generation implements EdgeEvents {
  #compiled: Compiled | null = null
  readonly #events: GenerationEvents
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

  handle(raw: GatewayRequest, response: ServerResponse, meta: RequestMeta): void {
    const { compiled } = this
    const admission = admit(raw, meta, compiled.admission)
    const exchange = new Exchange(admission.facts, raw, response)
    raw.exchange = exchange
    exchange.owner = this
    exchange.prepare = this.#prepare
    exchange.upgrade = meta.upgrade
    this.#count++
    this.#route(exchange, admission, meta)
    const route = exchange.route as Route | null
    exchange.recording = (route?.chain ?? compiled.globalChain).recording
    // Foreign plugins see the path as it is matched, never as it was sent.
    raw.url = exchange.facts.path + exchange.facts.query
    const edge = route?.edge ?? compiled.globalEdge
    edge.handle(raw, response)
  }

  /** Settles the route, or why there is none; the facts then hold the path in the spelling that the route asks for. */
  #route(exchange: Exchange, admission: Admission, meta: RequestMeta): void {
    const { table } = this.compiled
    const { path } = admission
    exchange.refusal = meta.problem ?? admission.problem
    if (exchange.refusal !== null || admission.asterisk) return
    let result = table.match(exchange.facts, path.path)
    if (path.kept !== null) {
      const kept = table.match(exchange.facts, path.kept)
      if (kept.kind === 'route' && kept.route.config.slashes === 'keep') {
        result = kept
        exchange.facts = { ...exchange.facts, path: path.kept }
      }
    }
    if (result.kind !== 'route') {
      exchange.refusal = unmatched(result)
      return
    }
    const { route } = result
    exchange.refusal = this.#doubt(exchange, path, route)
    if (exchange.refusal !== null) return
    exchange.route = route
    exchange.pattern = result.pattern
  }

  /** Why a path that matched must not be served: others would read it as another one. */
  #doubt(exchange: Exchange, path: Admission['path'], route: Route): Problem | null {
    if (path.encodedSlash && route.config.encodedSlash !== 'keep') {
      return new Problem('bad-request', 'The path has an encoded slash.')
    }
    if (!path.reinterpretable || route.config.aliasing !== 'refuse') return null
    const { facts } = exchange
    if (this.compiled.table.alias(facts, facts.path, route) === null) return null
    return new Problem('bad-request', 'The path is ambiguous: an origin could read it as another one.')
  }

  readonly #prepare = (exchange: Exchange): UpstreamRequest => {
    const route = exchange.route as Route | null
    const { facts } = exchange
    const { path, query } = route?.rewrite?.(exchange) ?? facts
    const host = route?.config.action.kind === 'forward' ? route.config.action.host : 'keep'
    const authority = host === 'keep' ? facts.authority : host === 'target' ? null : host.name
    return requestHead(exchange, this.compiled.headPolicy, { path, query, host: authority })
  }

  /** The exchange's owner hears of its end. */
  closed(): void {
    this.#count--
    if (this.#count === 0) this.#idle?.()
  }

  failed(exchange: Exchange, cause: unknown): void {
    this.#events.failed(exchange, new Problem('plugin-failed', 'A plugin failed at the end of a request.', { cause }))
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

  async respond(exchange: Exchange): Promise<void> {
    await this.#policyOf(exchange).respond(exchange)
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
    const route = exchange.route as Route | null
    if (exchange.refusal !== null) throw exchange.refusal
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
    const policy = this.#policyOf(exchange)
    if (exchange.upgrade === null) forward(exchange, route.forwardTo!, policy)
    else tunnel(exchange, route.forwardTo!, { ...exchange.upgrade, policy })
  }

  #policyOf(exchange: Exchange): ForwardPolicy {
    return (exchange.route as Route | null)?.policy ?? this.compiled.globalPolicy
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

function unmatched(result: Exclude<MatchResult<Route>, { kind: 'route' }>): Problem {
  if (result.kind === 'none') return new Problem('route-not-found', 'No route matches this request.')
  const headers = ['allow', result.allow.join(', ')]
  return new Problem('method-not-allowed', 'The route does not allow this method.', { headers })
}
