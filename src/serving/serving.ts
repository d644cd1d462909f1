/** What serves, whole in one thread: listeners, the generation that answers, and everything that generations share. */
import { setImmediate as turn } from 'node:timers/promises'
import { collectAfter } from '../collections.ts'
import type { RedisStoreConfig } from '../config/config.ts'
import type { PluginCatalog } from '../config/plugin-catalog.ts'
import type { ClientResponse, ReceivedRequest } from '../exchange/client.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { explainOn } from '../explain/question.ts'
import { Carry } from '../generation/carry.ts'
import { compile, type World } from '../generation/compile.ts'
import type { Generation } from '../generation/generation.ts'
import { OpenTunnels } from '../generation/open-tunnels.ts'
import { ListenerSet } from '../listener/listener-set.ts'
import type { RequestMeta } from '../listener/meta.ts'
import { trafficMetrics } from '../observe/gateway-metrics.ts'
import type { Metrics } from '../observe/metrics.ts'
import { upstreamMetrics } from '../observe/upstream-metrics.ts'
import { Pace } from '../pace.ts'
import type { CounterStore, InFlightStore, Log } from '../plugin.ts'
import type { RedisStore } from '../redis/redis-store.ts'
import type { FleetStore } from '../state/fleet.ts'
import { type Purge, Purges } from '../state/purges.ts'
import type { Siblings } from '../state/siblings.ts'
import { readingOf, readingOfState, type TargetReading } from '../upstream/reading.ts'
import { connectionsByUpstream, type Target } from '../upstream/target.ts'
import { TargetStates } from '../upstream/target-states.ts'
import { pluginModules } from './plugin-modules.ts'
import type { Addresses, Commands, Order, Questions, Server, WorkerStatus } from './server.ts'

export interface ServingParts {
  readonly log: Log
  readonly metrics: Metrics
  readonly counters: CounterStore
  readonly inFlight: InFlightStore
  readonly catalog: PluginCatalog
  /** Our name in `via` where the config gives none. */
  readonly name: string
  /** The other threads; null where there is one. */
  readonly siblings: Siblings | null
  /** From which the keys of TLS session tickets are made. */
  readonly ticketSecret: Uint8Array
  /** Who we are among all that share a store. */
  readonly node: string
  /** Its first cell counts requests. */
  readonly tally: Float64Array
  /** A generation has served its last request. */
  retired(): void
  /** Nothing is served any more. */
  ended(): void
}

export class Serving implements Server {
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #catalog: PluginCatalog
  readonly #carry = new Carry()
  readonly #targetStates = new TargetStates()
  readonly #tunnels = new OpenTunnels()
  readonly #purges = new Purges()
  readonly #listeners: ListenerSet
  readonly #world: World
  readonly #retiring = new Map<Generation, Promise<void>>()
  #generation: Generation | null = null
  #prepared: Generation | null = null
  #echoPort: number | null = null
  /** Loaded for the first config that names one: what few need would be a sixth of the time in which a worker is replaced. */
  #Store: typeof RedisStore | null = null
  readonly #tally: Float64Array
  readonly #parts: Pick<ServingParts, 'retired' | 'ended'>

  constructor(parts: ServingParts) {
    const { log, metrics, counters, inFlight, siblings, catalog, name, node, tally } = parts
    this.#log = log
    this.#metrics = metrics
    this.#catalog = catalog
    this.#tally = tally
    this.#parts = parts
    this.#listeners = new ListenerSet({
      handler: { request: (raw, response, meta) => this.#handle(raw, response, meta) },
      ticketSecret: parts.ticketSecret,
    })
    const rejections = trafficMetrics(metrics, {
      inflightRequests: () => this.#inflight(),
      connections: () => this.#listeners.connections(),
      upstreamConnections: () => connectionsByUpstream(this.#targetStates.upstreams(), this.#targets()),
      certificates: () => this.#listeners.certificates(),
      stores: () => this.#carry.values<FleetStore>('store '),
    })
    const retries = upstreamMetrics(metrics, () => this.#targetStates.all())
    const echoPort = async () => this.#echoPort!
    const carry = this.#carry
    const targetStates = this.#targetStates
    const tunnels = this.#tunnels
    const purges = this.#purges
    const purged = (purge: Purge) => void purges.apply(purge)
    const openStore = (config: RedisStoreConfig) => new this.#Store!(config, { log, node, local: counters, purged })
    this.#world = {
      carry,
      log,
      metrics,
      counters,
      inFlight,
      purges,
      siblings,
      openStore,
      rejections,
      retries,
      targetStates,
      tunnels,
      name,
      echoPort,
    }
  }

  #handle(raw: ReceivedRequest, response: ClientResponse, meta: RequestMeta): boolean {
    try {
      if (!this.#generation!.handle(raw, response, meta)) return false
    } catch (error) {
      // Whatever a client sent, it costs that client its connection and never the process.
      this.#log.error({ error }, 'a request could not be handled')
      response.destroy()
    }
    this.#tally[0]!++
    return true
  }

  /** `ports`: what listeners bind, by address key, where somebody else has chosen. */
  async prepare({ config, number, echoPort, beside }: Order, ports?: ReadonlyMap<string, number>): Promise<void> {
    this.#echoPort = echoPort
    if (config.store.kind === 'redis') this.#Store ??= (await import('../redis/redis-store.ts')).RedisStore
    const plugins = await pluginModules(config.outline.plugins, this.#catalog)
    const generation = await compile(
      { config, plugins, number, served: this.#generation?.compiled ?? null },
      this.#world,
      {
        failed: this.#logFailure,
      },
    )
    try {
      await this.#listeners.apply(config, { beside, ...(ports === undefined ? {} : { ports }) })
    } catch (error) {
      await generation.retire(0)
      throw error
    }
    this.#prepared = generation
  }

  async commit(): Promise<void> {
    await this.#listeners.release()
    const old = this.#generation
    const { compiled } = this.#prepared!
    this.#generation = this.#prepared
    this.#prepared = null
    compiled.upstreams.takeOver(old?.compiled.upstreams ?? null)
    this.#listeners.settle()
    const { config } = compiled
    this.#tunnels.review(config, config.shutdown.deadlineMs)
    await compiled.succeed()
    if (old !== null) this.#retire(old)
    await turn()
    await this.#targetStates.serve(config.upstreams)
    await this.#dropSeries()
  }

  async abandon(): Promise<void> {
    const prepared = this.#prepared
    this.#prepared = null
    await this.#listeners.abandon()
    await prepared?.retire(0)
  }

  #retire(generation: Generation): void {
    const { deadlineMs } = this.#generation!.compiled.config.shutdown
    const retired = generation.retire(deadlineMs).then(async () => {
      this.#retiring.delete(generation)
      collectAfter(generation.compiled.config.routes.length)
      // A request that ended on the old generation has counted on its route once more.
      await this.#dropSeries()
      this.#parts.retired()
    })
    this.#retiring.set(generation, retired)
  }

  async #dropSeries(): Promise<void> {
    const generation = this.#generation!
    const { routes, upstreams } = generation.compiled.config
    await this.#forget(generation, this.#metrics.retaining('route', routes))
    await this.#forget(generation, this.#metrics.retaining('upstream', upstreams))
  }

  /** Until another generation serves: what that one names is not to be forgotten, and it does that for itself. */
  async #forget(generation: Generation, steps: Iterable<void>): Promise<void> {
    const pace = new Pace()
    for (const _step of steps) {
      if (!pace.isOver) continue
      await pace.rest()
      if (this.#generation !== generation) return
    }
  }

  readonly #logFailure = (exchange: Exchange, problem: Error): void => {
    const error = problem.cause ?? problem
    this.#log.error({ requestId: exchange.id, route: exchange.route?.name, error }, problem.message)
  }

  #inflight(): number {
    return [this.#generation, ...this.#retiring.keys()].reduce((sum, one) => sum + (one?.openExchanges ?? 0), 0)
  }

  async tell<Name extends keyof Commands>(name: Name, command: Commands[Name]): Promise<void> {
    const told: { readonly [N in keyof Commands]: (command: Commands[N]) => void } = {
      'target-state': (state) => this.#targetStates.set(state),
    }
    told[name](command)
  }

  async ask<Name extends keyof Questions>(
    name: Name,
    question: Questions[Name]['takes'],
  ): Promise<Questions[Name]['answer'][]> {
    const answers: {
      readonly [N in keyof Questions]: (question: Questions[N]['takes']) => Promise<Questions[N]['answer']>
    } = {
      gauges: async () => {
        await this.refresh()
        return this.#metrics.gauges()
      },
      targets: async () => this.#readings(),
      carried: async () => this.#carry.size,
      explain: (request) => explainOn(this.#generation!, request),
      purge: (purge) => this.#purge(purge),
    }
    return [await answers[name](question)]
  }

  /** Those that a request has asked for, or something else. */
  #targets(): Target[] {
    return this.#carry.values<Target>('target ')
  }

  #readings(): TargetReading[] {
    const targets = this.#targets()
    const asked = new Set(targets.map(({ state }) => state))
    const others = [...this.#targetStates.all()].filter((state) => !asked.has(state))
    return [...targets.map(readingOf), ...others.map(readingOfState)]
  }

  async #purge(purge: Purge): Promise<{ forgotten: number; toldFleet: boolean }> {
    const forgotten = this.#purges.apply(purge)
    const told = await Promise.all(this.#carry.values<FleetStore>('store ').map((store) => store.purge(purge)))
    return { forgotten, toldFleet: told.every(Boolean) }
  }

  refresh(): Promise<void> {
    return this.#listeners.count()
  }

  get addresses(): Addresses {
    return this.#listeners.addresses
  }

  get workers(): readonly WorkerStatus[] {
    return [{ id: 1, generation: this.#generation?.number ?? 0, requests: this.#tally[0]! }]
  }

  get isCurrent(): boolean {
    return this.#generation !== null
  }

  readonly isStuck = false

  drain(): Promise<void> {
    return this.#listeners.drain()
  }

  close(deadlineMs: number): Promise<void> {
    return this.#listeners.close(deadlineMs)
  }

  async end(): Promise<void> {
    this.#listeners.destroy()
    await this.#generation?.retire(0)
    await Promise.all(this.#retiring.values())
    this.#parts.ended()
  }
}
