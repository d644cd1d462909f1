/** The chains of a config, compiled: their items in order, and how what passes them is forwarded and answered. */
import type { FastifyReply } from 'fastify'
import type { ChainItem, Config } from '../config/config.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { PluginRequest } from '../plugin.ts'
import type { ForwardPolicy } from '../proxy/forward-policy.ts'
import type { Fallback } from '../upstream/upstream.ts'
import { Chain, type ChainEvents, type Step } from './chain.ts'
import type { World } from './compile.ts'
import { refusal } from './compile-error.ts'
import type { Edge, EdgeEvents } from './edge.ts'
import { ForeignPluginError, foreignEdge } from './foreign-edge.ts'
import type { CompiledItem, ItemCompiler } from './items.ts'
import { forwardPolicy } from './policy.ts'
import { needsOf, type Plugins, traitsOf } from './traits.ts'

export interface CompiledChain {
  readonly chain: Chain
  /** Null: the native one. */
  readonly edge: Edge | null
  readonly policy: ForwardPolicy
}

interface ChainParts {
  readonly plugins: Plugins
  readonly items: ItemCompiler
  /** Those that are made are added. */
  readonly edges: Edge[]
  readonly generation: EdgeEvents
}

export class Chains {
  readonly #names: { readonly name: string; readonly bodyIdleMs: number }
  readonly #world: World
  readonly #parts: ChainParts
  readonly #events: ChainEvents
  /** Of chains of ours without a fallback: one policy for those that change bodies, and one for the others. */
  readonly #policies = new Map<boolean, ForwardPolicy>()
  /** The chain that was made last. */
  #last: { readonly items: readonly ChainItem[]; readonly chain: Chain | null } = { items: [], chain: null }

  constructor(config: Config, world: World, parts: ChainParts) {
    this.#names = { name: config.name ?? world.name, bodyIdleMs: config.limits.bodyIdleMs }
    this.#world = world
    this.#parts = parts
    this.#events = chainEvents(world)
  }

  /** Rejects with CompileError. */
  async compile(items: readonly ChainItem[], fallback: Fallback | null = null): Promise<CompiledChain> {
    const compiled: CompiledItem[] = []
    for (const item of items) compiled.push(this.#parts.items.held(item) ?? (await this.item(item)))
    const chain = this.#chainOf(items, compiled)
    if (this.#world.serves !== false && compiled.some(({ kind }) => kind === 'foreign')) {
      return this.#foreign(items, { chain, compiled, fallback })
    }
    return { chain, edge: null, policy: this.#native(chain.changesBodies, fallback) }
  }

  /** The same at once, for a chain of ours whose items are compiled, or can be at once. */
  compileNow(items: readonly ChainItem[], fallback: Fallback | null): CompiledChain {
    const compiled = items.map((item) => this.#parts.items.held(item) ?? this.#parts.items.compileNow(item))
    const chain = this.#chainOf(items, compiled)
    return { chain, edge: null, policy: this.#native(chain.changesBodies, fallback) }
  }

  /** Routes with the same items, as neighbours often are, have one chain. */
  #chainOf(items: readonly ChainItem[], compiled: readonly CompiledItem[]): Chain {
    const { items: last, chain } = this.#last
    if (chain !== null && last.length === items.length && items.every((item, i) => item === last[i])) return chain
    const recording = items.some((item) => this.#records(item))
    const made = new Chain(compiled.map(stepOf), { recording, events: this.#events })
    this.#last = { items, chain: made }
    return made
  }

  #native(changesBodies: boolean, fallback: Fallback | null): ForwardPolicy {
    const made = () => forwardPolicy({ ...this.#names, changesBodies, fallback, replies: null })
    if (fallback !== null) return made()
    const policy = this.#policies.get(changesBodies) ?? made()
    this.#policies.set(changesBodies, policy)
    return policy
  }

  async #foreign(
    items: readonly ChainItem[],
    { chain, compiled, fallback }: { chain: Chain; compiled: CompiledItem[]; fallback: Fallback | null },
  ): Promise<CompiledChain> {
    const replies = new WeakMap<Exchange, FastifyReply>()
    const edge = await foreignEdge(compiled, this.#parts.generation, replies).catch((error: unknown) => {
      throw error instanceof ForeignPluginError ? refusal(items[error.index]!, error) : error
    })
    this.#parts.edges.push(edge)
    const { changesBodies } = chain
    return { chain, edge, policy: forwardPolicy({ ...this.#names, changesBodies, fallback, replies }) }
  }

  /** An item that stands in a chain, or will. Rejects with CompileError. */
  async item(item: ChainItem): Promise<CompiledItem> {
    try {
      return await this.#parts.items.compile(item)
    } catch (error) {
      throw refusal(item, error)
    }
  }

  #records(item: ChainItem): boolean {
    if (item.kind === 'any') return false
    const traits = traitsOf(item, this.#parts.plugins)
    return traits !== null && needsOf(traits, item).includes('record')
  }
}

/** Chains outlive the generation that they are compiled for: nothing of it may be known here. */
function chainEvents({ rejections }: World): ChainEvents {
  return {
    refused: (exchange, problem) => {
      if (exchange.dry) return
      const { plugin, observing } = exchange.running
      const mode = observing ? 'observe' : 'enforce'
      rejections.series(exchange.route?.name ?? '_none', plugin, problem.code, mode).inc()
    },
  }
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
