/** Compiles a config into a generation: upstreams, then the global chain, then each route. Any error leaves nothing held. */
import { setImmediate as turn } from 'node:timers/promises'
import type { ChainItem, Config, RedisStoreConfig, RouteConfig, UpstreamConfig } from '../config/config.ts'
import type { LoadedPlugin } from '../config/plugin-catalog.ts'
import { ProxyTrust } from '../listener/client-address.ts'
import type { CounterFamily, Instruments } from '../observe/instruments.ts'
import { inPieces, Pace } from '../pace.ts'
import type { CounterStore, InFlightStore, Log, Purges, Siblings } from '../plugin.ts'
import { requestHeadPolicy } from '../proxy/request-head.ts'
import { RouteTable } from '../routing/table.ts'
import type { FleetStore } from '../state/fleet.ts'
import type { TargetStates } from '../upstream/target-states.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Carry } from './carry.ts'
import { Chains } from './chains.ts'
import { type Declared, declaredBy } from './declared.ts'
import { type Edge, NativeEdge } from './edge.ts'
import { acquireStore, storeKey } from './fleet-store.ts'
import { type Compiled, Generation, type GenerationEvents } from './generation.ts'
import { type CompiledItem, ItemCompiler } from './items.ts'
import type { OpenTunnels } from './open-tunnels.ts'
import { Reuse } from './reuse.ts'
import { compileRoute, type Route } from './route.ts'
import { surroundings } from './surroundings.ts'
import { compileUpstreams, fallbackOf } from './upstreams.ts'

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
  readonly plugins: ReadonlyMap<string, LoadedPlugin>
  readonly number: number
  /** Of the generation that serves: what holds for this config too is taken over. */
  readonly served?: Compiled | null
}

export async function compile(input: CompileInput, world: World, events: GenerationEvents): Promise<Generation> {
  const generation = new Generation(events)
  const declared = await declaredBy(input.config, input.plugins)
  const compiler = new Compiler(input, world, { generation, declared })
  try {
    await compiler.run()
  } catch (error) {
    await compiler.abandon()
    throw error
  }
  return generation
}

const EDGE = 'edge'

class Compiler {
  readonly #input: CompileInput
  readonly #world: World
  readonly #generation: Generation
  readonly #declared: Declared
  readonly #items: ItemCompiler
  readonly #reuse: Reuse | null
  readonly #edges: Edge[] = []
  readonly #upstreamKeys = new Map<UpstreamConfig, readonly string[]>()
  readonly #chains: Chains
  readonly #around: string
  readonly #native: NativeEdge
  readonly #store: FleetStore | null
  readonly #release: () => Promise<void>

  constructor(
    input: CompileInput,
    world: World,
    { generation, declared }: { generation: Generation; declared: Declared },
  ) {
    this.#input = input
    this.#world = world
    this.#generation = generation
    this.#declared = declared
    this.#native = world.carry.acquire(EDGE, () => new NativeEdge())
    this.#store = acquireStore(input.config.store, world)
    const around = surroundings(input.config, { world, store: this.#store, declared })
    this.#around = around.digest
    this.#reuse = input.served == null ? null : new Reuse(input.served, input.config, around.digest)
    this.#items = new ItemCompiler(around, input.plugins, this.#reuse)
    const store = this.#store === null ? null : storeKey(input.config.store)
    this.#release = releasing(world, { upstreamKeys: this.#upstreamKeys, items: this.#items.compiled, store })
    this.#chains = new Chains(input, world, { items: this.#items, edges: this.#edges, generation })
  }

  async run(): Promise<void> {
    const { config, number } = this.#input
    await turn()
    await this.#native.ready
    await this.#store?.ready
    await this.#reuse?.prepare()
    const upstreams = await compileUpstreams(config, this.#world, { reuse: this.#reuse, keys: this.#upstreamKeys })
    const global = await this.#chains.compile(config.plugins)
    const routes: Route[] = []
    const pace = new Pace()
    for (const route of config.routes) {
      if (pace.isOver) await pace.rest()
      routes.push(this.#served(route, upstreams) ?? (await this.#route(route, upstreams)))
    }
    const listeners = config.listeners.map((listener) => listener.name)
    const table = (await this.#reuse?.table(routes, listeners)) ?? (await RouteTable.build(routes, listeners))
    await turn()
    const trust = new ProxyTrust(config.trustedProxies)
    this.#generation.complete({
      config,
      number,
      table,
      routes,
      upstreams,
      upstreamKeys: this.#upstreamKeys,
      items: this.#items.compiled,
      around: this.#around,
      globalChain: global.chain,
      globalEdge: global.edge,
      globalPolicy: global.policy,
      nativeEdge: this.#native,
      edges: this.#edges,
      admission: { limits: config.limits, trust },
      secrets: new Set(this.#declared.secrets),
      headPolicy: requestHeadPolicy(config.name ?? this.#world.name, trust.header, this.#declared.reserved),
      tunnels: this.#world.tunnels,
      release: this.#release,
    })
  }

  /** The route as it is served, with all that it holds held for this generation too. */
  #served(config: RouteConfig, upstreams: ReadonlyMap<string, Upstream>): Route | undefined {
    const route = this.#reuse?.route(config, upstreams)
    if (route !== undefined) for (const item of config.chain) this.#items.held(item)
    return route
  }

  async #route(config: RouteConfig, upstreams: ReadonlyMap<string, Upstream>): Promise<Route> {
    const fallback = config.action.kind === 'forward' ? fallbackOf(config.action.fallback, upstreams) : null
    const chain = await this.#chains.compile(config.chain, fallback)
    return compileRoute(config, { ...chain, upstreams, plugins: this.#input.plugins })
  }

  /** Undoes a compilation that failed half-way. */
  async abandon(): Promise<void> {
    for (const edge of this.#edges) await edge.close()
    await this.#release()
  }
}

interface Held {
  readonly upstreamKeys: ReadonlyMap<UpstreamConfig, readonly string[]>
  readonly items: ReadonlyMap<ChainItem, CompiledItem>
  /** Null: none. */
  readonly store: string | null
}

/** Lets go of what a generation holds. It knows nothing else: the generation that served before would live as long. */
function releasing({ carry }: World, { upstreamKeys, items, store }: Held): () => Promise<void> {
  const release = (key: string) => carry.release(key)
  return async () => {
    await inPieces(upstreamKeys.values(), (keys) => keys.forEach(release))
    await inPieces(items.values(), ({ keys }) => keys.forEach(release))
    if (store !== null) release(store)
    release(EDGE)
  }
}
