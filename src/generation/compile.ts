/** Compiles a config into a generation: upstreams, then the global chain, then items and routes that do not wait. Any error leaves nothing held. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Config, RedisStoreConfig, RouteConfig } from '../config/config.ts'
import { isUnread, whole } from '../config/unread.ts'
import { ProxyTrust } from '../listener/client-address.ts'
import type { CounterFamily, Instruments } from '../observe/instruments.ts'
import { inPieces, Pace } from '../pace.ts'
import type { CounterStore, InFlightStore, Log, Purges, Siblings } from '../plugin.ts'
import { requestHeadPolicy } from '../proxy/request-head.ts'
import { RouteTable } from '../routing/table.ts'
import type { FleetStore } from '../state/fleet.ts'
import type { TargetStates } from '../upstream/target-states.ts'
import type { Fallback } from '../upstream/upstream.ts'
import type { Carry } from './carry.ts'
import { Chains } from './chains.ts'
import { type Edge, NativeEdge } from './edge.ts'
import { acquireStore, storeKey } from './fleet-store.ts'
import { type Compiled, Generation, type GenerationEvents } from './generation.ts'
import { ItemCompiler } from './items.ts'
import type { OpenTunnels } from './open-tunnels.ts'
import { Reuse } from './reuse.ts'
import { compileRoute, type Route } from './route.ts'
import { Routes } from './routes.ts'
import { surroundings } from './surroundings.ts'
import { chainTraits, type Plugins } from './traits.ts'
import { fallbackOf, Upstreams } from './upstreams.ts'

/** What outlives generations. */
export interface World {
  readonly carry: Carry
  readonly log: Log
  readonly metrics: Instruments
  /** What counts where the config says `store: memory`. */
  readonly counters: CounterStore
  readonly inFlight: InFlightStore
  readonly purges: Purges
  readonly siblings: Siblings | null
  /** Connects to what the config's `store` names. Null: nothing outside of the process is asked. */
  readonly openStore: ((config: RedisStoreConfig) => FleetStore) | null
  readonly rejections: CounterFamily
  /** By upstream and reason. */
  readonly retries: CounterFamily
  /** What the supervisor says about targets: for whoever picks one. */
  readonly targetStates: TargetStates
  /** False: nothing will be served, and Fastify packages are not started. */
  readonly serves?: false
  readonly tunnels: OpenTunnels
  /** Our name in `via` where the config gives none. */
  readonly name: string
  /** The port of the embedded origin; starts it on first use. */
  echoPort(): Promise<number>
}

export interface CompileInput {
  readonly config: Config
  readonly plugins: Plugins
  readonly number: number
  /** Of the generation that serves: what holds for this config too is taken over. */
  readonly served?: Compiled | null
}

export async function compile(input: CompileInput, world: World, events: GenerationEvents): Promise<Generation> {
  const generation = new Generation(events)
  const compiler = new Compiler(input, world, generation)
  try {
    await compiler.run(input.number)
  } catch (error) {
    await compiler.abandon()
    throw error
  }
  return generation
}

const EDGE = 'edge'

/** It lives as long as its generation: what waits is compiled when it is asked for. */
class Compiler {
  readonly #config: Config
  readonly #plugins: Plugins
  readonly #world: World
  readonly #generation: Generation
  readonly #items: ItemCompiler
  readonly #reuse: Reuse | null
  readonly #edges: Edge[] = []
  readonly #upstreams: Upstreams
  readonly #routes = new Routes((config) => this.#routeNow(config))
  readonly #chains: Chains
  readonly #around: string
  readonly #native: NativeEdge
  readonly #store: FleetStore | null

  constructor({ config, plugins, served = null }: CompileInput, world: World, generation: Generation) {
    this.#config = config
    this.#plugins = plugins
    this.#world = world
    this.#generation = generation
    this.#native = world.carry.acquire(EDGE, () => new NativeEdge())
    this.#store = acquireStore(config.store, world)
    const around = surroundings(config, world, this.#store)
    this.#around = around.digest
    this.#reuse = served === null ? null : new Reuse(served, config, around.digest)
    this.#upstreams = new Upstreams(config, world, this.#reuse)
    this.#items = new ItemCompiler(around, plugins, this.#reuse)
    const parts = { plugins, items: this.#items, edges: this.#edges, generation }
    this.#chains = new Chains(config, world, parts)
  }

  async run(number: number): Promise<void> {
    const config = this.#config
    await turn()
    await this.#native.ready
    await this.#store?.ready
    await this.#upstreams.prepare(config)
    const global = await this.#chains.compile(config.plugins)
    await this.#prepare(config)
    const listeners = config.listeners.map((listener) => listener.name)
    const traits = chainTraits(this.#plugins)
    const reused = await this.#reuse?.table(config, listeners, traits)
    const table = reused ?? (await RouteTable.build(config.routes, listeners, traits))
    await turn()
    const trust = new ProxyTrust(config.trustedProxies)
    this.#generation.complete({
      config,
      number,
      table,
      routes: this.#routes,
      upstreams: this.#upstreams,
      items: this.#items.compiled,
      around: this.#around,
      globalChain: global.chain,
      globalEdge: global.edge,
      globalPolicy: global.policy,
      nativeEdge: this.#native,
      edges: this.#edges,
      admission: { limits: config.limits, trust },
      secrets: new Set(config.outline.secrets),
      headPolicy: requestHeadPolicy(config.name ?? this.#world.name, trust.header, config),
      tunnels: this.#world.tunnels,
      succeed: () => this.#succeed(),
      release: () => this.#release(),
    })
  }

  /** Compiles what does not wait until it is asked for. */
  async #prepare({ items, routes }: Config): Promise<void> {
    const pace = new Pace()
    for (const item of items) {
      if (pace.isOver) await pace.rest()
      if (!isUnread(item) && this.#items.held(item) === undefined) await this.#chains.item(item)
    }
    for (const route of routes) {
      if (pace.isOver) await pace.rest()
      if (!isUnread(route)) this.#routes.add(route, this.#served(route) ?? (await this.#route(route)))
    }
  }

  /** The route as it is served, with all that it holds held for this generation too. */
  #served(config: RouteConfig): Route | undefined {
    const route = this.#reuse?.route(config, this.#upstreams)
    if (route !== undefined) for (const item of config.chain) this.#items.held(item)
    return route
  }

  async #route(config: RouteConfig): Promise<Route> {
    return compileRoute(config, await this.#chains.compile(config.chain, this.#fallbackOf(config)), this.#upstreams)
  }

  #routeNow(config: RouteConfig): Route {
    const said = whole(config)
    const compiled = () => this.#chains.compileNow(said.chain, this.#fallbackOf(said))
    return this.#served(config) ?? compileRoute(said, compiled(), this.#upstreams)
  }

  #fallbackOf({ action }: RouteConfig): Fallback | null {
    return action.kind === 'forward' ? fallbackOf(action.fallback, this.#upstreams) : null
  }

  async #succeed(): Promise<void> {
    await this.#reuse?.end({ routes: this.#routes, upstreams: this.#upstreams })
  }

  async #release(): Promise<void> {
    const { carry } = this.#world
    const release = (key: string) => carry.release(key)
    await inPieces(this.#upstreams.made.values(), ({ keys }) => keys.forEach(release))
    await inPieces(this.#items.compiled.values(), ({ keys }) => keys.forEach(release))
    if (this.#store !== null) release(storeKey(this.#config.store))
    release(EDGE)
  }

  /** Undoes a compilation that failed half-way. */
  async abandon(): Promise<void> {
    for (const edge of this.#edges) await edge.close()
    await this.#release()
  }
}
