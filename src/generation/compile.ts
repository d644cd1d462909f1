/** Compiles a config into a generation: upstreams, then the global chain, then each route. Any error leaves nothing held. */
import { setImmediate as turn } from 'node:timers/promises'
import type { FastifyReply } from 'fastify'
import type { ChainItem, Config, RedisStoreConfig } from '../config/config.ts'
import type { Diagnostic } from '../config/diagnostic.ts'
import type { LoadedPlugin } from '../config/plugin-catalog.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { ProxyTrust } from '../listener/client-address.ts'
import type { CounterFamily, Instruments } from '../observe/instruments.ts'
import { Pace } from '../pace.ts'
import type { CounterStore, InFlightStore, Log, PluginRequest, Purges, Siblings } from '../plugin.ts'
import type { ForwardPolicy } from '../proxy/forward-policy.ts'
import { toPluginProblem } from '../proxy/problem-of.ts'
import { requestHeadPolicy } from '../proxy/request-head.ts'
import { RouteTable } from '../routing/table.ts'
import type { FleetStore } from '../state/fleet.ts'
import type { TargetStates } from '../upstream/target-states.ts'
import { answerInstead, deliverExchange } from './answer.ts'
import type { Carry } from './carry.ts'
import { Chain, type ChainEvents, type Step } from './chain.ts'
import { type Declared, declaredBy, needsOf, traitsOf } from './declared.ts'
import { type Edge, nativeEdge } from './edge.ts'
import { acquireStore, storeKey } from './fleet-store.ts'
import { ForeignPluginError, foreignEdge } from './foreign-edge.ts'
import { Generation, type GenerationEvents } from './generation.ts'
import { type CompiledItem, ItemCompiler } from './items.ts'
import type { OpenTunnels } from './open-tunnels.ts'
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

/** The config is well-formed, but a plugin or the system would not have it. */
export class CompileError extends Error {
  readonly diagnostics: readonly Diagnostic[]

  constructor(diagnostics: readonly Diagnostic[], cause?: unknown) {
    super('the config does not compile', { cause })
    this.diagnostics = diagnostics
  }
}

export interface CompileInput {
  readonly config: Config
  readonly plugins: ReadonlyMap<string, LoadedPlugin>
  readonly number: number
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

class Compiler {
  readonly #input: CompileInput
  readonly #world: World
  readonly #generation: Generation
  readonly #declared: Declared
  readonly #items: ItemCompiler
  readonly #edges: Edge[] = []
  readonly #targets: string[] = []
  readonly #chainEvents: ChainEvents
  readonly #store: FleetStore | null
  #native: Edge | null = null

  constructor(
    input: CompileInput,
    world: World,
    { generation, declared }: { generation: Generation; declared: Declared },
  ) {
    this.#input = input
    this.#world = world
    this.#generation = generation
    this.#declared = declared
    this.#store = acquireStore(input.config.store, world)
    const around = surroundings(input.config, { world, store: this.#store, declared })
    this.#items = new ItemCompiler(around, input.plugins)
    this.#chainEvents = {
      refused: (exchange, problem) => {
        if (exchange.dry) return
        const { plugin, observing } = exchange.running
        world.rejections
          .series(exchange.route?.name ?? '_none', plugin, problem.code, observing ? 'observe' : 'enforce')
          .inc()
      },
    }
  }

  async run(): Promise<void> {
    const { config, number } = this.#input
    const name = config.name ?? this.#world.name
    await turn()
    this.#native = await nativeEdge(this.#generation)
    this.#edges.push(this.#native)
    await this.#store?.ready
    const upstreams = await compileUpstreams(config, this.#world, this.#targets)
    const global = await this.#chain(config.plugins)
    const routes: Route[] = []
    const pace = new Pace()
    for (const route of config.routes) {
      if (pace.isOver) await pace.rest()
      const { chain, edge, policy } = await this.#chain(route.chain)
      const fallback = route.action.kind === 'forward' ? fallbackOf(route.action.fallback, upstreams) : null
      const parts = { chain, edge, policy: fallback === null ? policy : { ...policy, fallback } }
      routes.push(compileRoute(route, { ...parts, upstreams, plugins: this.#input.plugins }))
    }
    const table = await RouteTable.build(
      routes,
      config.listeners.map((listener) => listener.name),
    )
    await turn()
    const trust = new ProxyTrust(config.trustedProxies)
    this.#generation.complete({
      config,
      number,
      table,
      upstreams,
      globalChain: global.chain,
      globalEdge: global.edge,
      globalPolicy: global.policy,
      edges: this.#edges,
      admission: { limits: config.limits, trust },
      secrets: new Set(this.#declared.secrets),
      headPolicy: requestHeadPolicy(name, trust.header, this.#declared.reserved),
      tunnels: this.#world.tunnels,
      release: () => this.#release(),
    })
  }

  async #chain(items: readonly ChainItem[]): Promise<{ chain: Chain; edge: Edge; policy: ForwardPolicy }> {
    const compiled: CompiledItem[] = []
    for (const item of items) compiled.push(await this.#item(item))
    const steps = compiled.map(stepOf)
    const chain = new Chain(steps, { recording: items.some((item) => this.#records(item)), events: this.#chainEvents })
    const foreign = this.#world.serves !== false && compiled.some(({ kind }) => kind === 'foreign')
    const replies = foreign ? new WeakMap<Exchange, FastifyReply>() : null
    const policy = this.#policy(chain, replies)
    if (replies === null) return { chain, edge: this.#native!, policy }
    const edge = await foreignEdge(compiled, this.#generation, replies).catch((error: unknown) => {
      throw error instanceof ForeignPluginError ? refusal(items[error.index]!, error) : error
    })
    this.#edges.push(edge)
    return { chain, edge, policy }
  }

  /** How exchanges of one chain are forwarded and answered. `replies`: through Fastify, where foreign plugins may change answers. */
  #policy(chain: Chain, replies: WeakMap<Exchange, FastifyReply> | null): ForwardPolicy {
    const { config } = this.#input
    const name = config.name ?? this.#world.name
    const policy: ForwardPolicy = {
      name,
      bodyIdleMs: config.limits.bodyIdleMs,
      wantsStream: chain.changesBodies || replies !== null,
      fallback: null,
      respond: (exchange) => chain.respond(exchange),
      standsIn: (exchange, failure) => answerInstead(exchange, failure, policy),
      deliver: (exchange) => {
        try {
          deliverExchange(exchange, policy, replies?.get(exchange))
        } catch (error) {
          // A status, a field or a body that a plugin made, and HTTP does not know.
          this.#generation.fail(exchange, toPluginProblem(error))
        }
      },
      fail: (exchange, problem) => this.#generation.fail(exchange, problem),
    }
    return policy
  }

  async #item(item: ChainItem): Promise<CompiledItem> {
    try {
      return await this.#items.compile(item)
    } catch (error) {
      throw refusal(item, error)
    }
  }

  #records(item: ChainItem): boolean {
    if (item.kind === 'any') return false
    const traits = traitsOf(item, this.#input.plugins)
    return traits !== null && needsOf(traits, item).includes('record')
  }

  /** Undoes a compilation that failed half-way. */
  async abandon(): Promise<void> {
    for (const edge of this.#edges) await edge.close()
    await this.#release()
  }

  async #release(): Promise<void> {
    const { carry } = this.#world
    const pace = new Pace()
    for (const key of [...this.#targets.splice(0), ...this.#items.held]) {
      if (pace.isOver) await pace.rest()
      carry.release(key)
    }
    if (this.#store !== null) carry.release(storeKey(this.#input.config.store))
  }
}

function refusal(item: ChainItem, error: unknown): CompileError {
  const message = `the plugin refused its options: ${error instanceof Error ? error.message : String(error)}`
  return new CompileError([{ code: 'plugin-failed', severity: 'error', at: item.at, path: item.id, message }], error)
}

const nothing: Omit<Step, 'running'> = {
  authenticates: false,
  optional: false,
  assumes: false,
  byCertificate: false,
  onRequest: [],
  onSend: [],
  onSendBody: [],
  secrets: [],
  members: [],
}

/** A foreign plugin keeps its place among the steps, so that "how far did the request get" counts it too. */
function stepOf(item: CompiledItem): Step {
  return item.kind === 'step'
    ? item.step
    : { ...nothing, running: { plugin: item.name, id: item.name, observing: false }, onRequest: [notSimulated] }
}

/** Fastify runs such a plugin; our own runner passes its place in dry runs alone. */
function notSimulated({ exchange }: PluginRequest): void {
  exchange.decide('skip', 'not-simulated')
}
