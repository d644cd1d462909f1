/** An immutable compiled config that serves: matches, runs the chain, forwards, and counts what is open so that it can be retired. */
import type { ServerResponse } from 'node:http'
import type { ChainItem, Config } from '../config/config.ts'
import type { ClientResponse, ReceivedRequest } from '../exchange/client.ts'
import { Exchange } from '../exchange/exchange.ts'
import { GatewayRequest } from '../exchange/gateway-request.ts'
import type { UpstreamRequest } from '../exchange/upstream-request.ts'
import { type AdmissionPolicy, admit } from '../listener/admission.ts'
import type { RequestMeta } from '../listener/meta.ts'
import { Problem } from '../problem.ts'
import { forward } from '../proxy/forward.ts'
import type { ForwardPolicy } from '../proxy/forward-policy.ts'
import { toProblem } from '../proxy/problem-of.ts'
import type { RequestHeadPolicy } from '../proxy/request-head.ts'
import type { Tunnel } from '../proxy/tunnel.ts'
import { upgrade } from '../proxy/upgrade.ts'
import type { RouteTable } from '../routing/table.ts'
import { answerExchange, answerProblem } from './answer.ts'
import type { Chain } from './chain.ts'
import { conclude, prepareRequest } from './conclusion.ts'
import { type DescribedArrival, type DryRun, dryRun } from './dry-run.ts'
import type { Edge } from './edge.ts'
import type { CompiledItem } from './items.ts'
import type { OpenTunnels } from './open-tunnels.ts'
import type { GenerationOwner } from './policy.ts'
import type { Route } from './route.ts'
import type { Routes } from './routes.ts'
import { routeExchange } from './routing.ts'
import type { Upstreams } from './upstreams.ts'

/** What compiling a config made; see compile.ts. */
export interface Compiled {
  readonly config: Config
  readonly number: number
  readonly table: RouteTable
  readonly routes: Routes
  readonly upstreams: Upstreams
  readonly items: ReadonlyMap<ChainItem, CompiledItem>
  /** Digest of what plugins found around them. */
  readonly around: string
  readonly globalChain: Chain
  /** Null: the native one. */
  readonly globalEdge: Edge | null
  readonly nativeEdge: Edge
  readonly globalPolicy: ForwardPolicy
  readonly edges: readonly Edge[]
  readonly admission: AdmissionPolicy
  readonly headPolicy: RequestHeadPolicy
  /** Request parts that carry secrets, as the plugins say: `header:x-api-key`. */
  readonly secrets: ReadonlySet<string>
  readonly tunnels: OpenTunnels
  /** It serves now: takes over what requests to the one before have had compiled. Before that one is retired. */
  succeed(): Promise<void>
  /** Lets go of pools, items and whatever else this generation holds. */
  release(): Promise<void>
}

export interface GenerationEvents {
  /** An unexpected error on the way of a request: for the operator's log. */
  failed(exchange: Exchange, problem: Problem): void
}

export class Generation implements GenerationOwner {
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

  /** False: the route's chain has foreign plugins, which need Node's own objects, and nothing has been done. */
  handle(raw: ReceivedRequest, response: ClientResponse, meta: RequestMeta): boolean {
    const { compiled } = this
    const admission = admit(raw, meta, compiled.admission)
    const exchange = new Exchange(admission.facts, raw, response)
    raw.exchange = exchange
    exchange.owner = this
    exchange.prepare = this.#prepare
    exchange.upgrade = meta.upgrade
    // Requests without a route run the global chain: what it records, the refusal belongs to.
    exchange.recording = compiled.globalChain.recording
    const { table, routes } = compiled
    routeExchange(exchange, admission, { table, routes, problem: meta.problem })
    const route = exchange.route as Route | null
    exchange.recording = (route?.chain ?? compiled.globalChain).recording
    const edge = (route === null ? compiled.globalEdge : route.edge) ?? compiled.nativeEdge
    const isNodes = raw instanceof GatewayRequest
    if (!isNodes && !edge.isNative) return false
    this.#count++
    if (isNodes) {
      // Foreign plugins see the path as it is matched, never as it was sent.
      raw.url = exchange.facts.path + exchange.facts.query
      edge.handle(raw, response as ServerResponse)
    } else this.run(exchange)
    return true
  }

  readonly #prepare = (exchange: Exchange): UpstreamRequest => prepareRequest(exchange, this.compiled.headPolicy)

  /** Decides about a described request as it would about a real one. Nothing is sent, counted, fetched or kept. */
  dryRun(described: DescribedArrival): Promise<DryRun> {
    return dryRun(this.compiled, described)
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
      pending = this.chainOf(exchange).run(exchange)
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
      await this.chainOf(exchange).run(exchange, from, to)
      return exchange.reply.sent ? 'answered' : 'on'
    } catch (error) {
      return toProblem(error)
    }
  }

  chainOf(exchange: Exchange): Chain {
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
    const upstream = conclude(exchange, this.compiled.headPolicy.name)
    if (upstream === null) {
      this.answer(exchange)
      return
    }
    const policy = this.#policyOf(exchange)
    if (exchange.upgrade === null) forward(exchange, upstream, policy)
    else upgrade(exchange, upstream, { ...exchange.upgrade, policy, opened: this.#opened })
  }

  readonly #opened = (exchange: Exchange, tunnel: Tunnel): void => {
    const { tunnels, config } = this.compiled
    tunnels.add(exchange, tunnel, config)
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
    await this.compiled.release()
  }
}
