/** Chain items of a config, compiled to steps; items that did not change are taken over from the generation before. */
import { hash } from 'node:crypto'
import type { FastifyPluginAsync } from 'fastify'
import type { ChainItem, PluginItem, PluginRef } from '../config/config.ts'
import { membersOf } from '../config/members.ts'
import { placelessText } from '../config/part-text.ts'
import type { LoadedPlugin } from '../config/plugin-catalog.ts'
import { whole } from '../config/unread.ts'
import type { Traits } from '../plugin.ts'
import type { Step } from './chain.ts'
import type { Reuse } from './reuse.ts'
import { none, type RecordedHooks, record, type Surroundings } from './scope.ts'
import { needsOf } from './traits.ts'

/** An item of a chain, ready to run: a step of ours, or a Fastify plugin that needs a context of its own. `keys`: of what it holds in the carry. */
export type CompiledItem = { readonly keys: readonly string[] } & (
  | { readonly kind: 'step'; readonly step: Step }
  | { readonly kind: 'foreign'; readonly name: string; readonly plugin: FastifyPluginAsync; readonly options: object }
)

export class ItemCompiler {
  readonly #around: Surroundings
  readonly #plugins: ReadonlyMap<string, LoadedPlugin>
  readonly #reuse: Reuse | null
  readonly #compiled = new Map<ChainItem, CompiledItem>()

  constructor(around: Surroundings, plugins: ReadonlyMap<string, LoadedPlugin>, reuse: Reuse | null) {
    this.#around = around
    this.#plugins = plugins
    this.#reuse = reuse
  }

  /** Everything that was compiled: its keys are released when the generation is retired. */
  get compiled(): ReadonlyMap<ChainItem, CompiledItem> {
    return this.#compiled
  }

  /** What is there already: in this generation, or in the one that serves, and held for this one too. */
  held(item: ChainItem): CompiledItem | undefined {
    const known = this.#compiled.get(item)
    if (known !== undefined) return known
    const served = this.#reuse?.item(item)
    if (served === undefined) return undefined
    for (const key of served.keys) this.#around.carry.hold(key)
    this.#compiled.set(item, served)
    return served
  }

  /** What is not held: what two chains share is compiled once. Rejects with what the plugin threw. */
  async compile(item: ChainItem): Promise<CompiledItem> {
    const said = whole(item)
    const foreign = said.kind === 'plugin' ? this.#foreign(said) : null
    if (foreign !== null) return this.#keep(item, foreign)
    const holders = this.#acquire(said)
    try {
      for (const { plugin } of holders) {
        const pending = plugin.ready()
        if (pending !== undefined) await pending
      }
    } catch (error) {
      this.#release(holders)
      throw error
    }
    return this.#keep(item, compiled(said, holders))
  }

  /** The same at once, for an item of lazy plugins. */
  compileNow(item: ChainItem): CompiledItem {
    const said = whole(item)
    return this.#keep(item, compiled(said, this.#acquire(said)))
  }

  #keep(item: ChainItem, compiled: CompiledItem): CompiledItem {
    this.#compiled.set(item, compiled)
    return compiled
  }

  #foreign({ plugin, options }: PluginItem): CompiledItem | null {
    const loaded = this.#loaded(plugin)
    if (loaded.kind !== 'foreign') return null
    const { default: foreign } = loaded.module
    return { kind: 'foreign', name: plugin.name, plugin: foreign as FastifyPluginAsync, options, keys: [] }
  }

  #loaded({ name, url }: PluginRef): LoadedPlugin {
    const loaded = this.#plugins.get(url)
    if (loaded === undefined) throw new Error(`${name} is not loaded`)
    return loaded
  }

  /** The plugin of the item, or those of its members. */
  #acquire(item: ChainItem): Holder[] {
    const holders: Holder[] = []
    try {
      for (const one of membersOf(item)) holders.push(this.#holderOf(one))
    } catch (error) {
      this.#release(holders)
      throw error
    }
    return holders
  }

  #holderOf(item: PluginItem): Holder {
    const loaded = this.#loaded(item.plugin)
    if (loaded.kind === 'foreign') throw new Error(`${item.plugin.name} authenticates nobody and cannot stand in any`)
    const { module } = loaded
    const { carry, digest } = this.#around
    // JSON alone would not tell `.inf` from `.nan`. A digest, since there may be 20,000 of them.
    const key = `item ${hash('sha256', `${placelessText(item)} ${digest}`, 'base64')}`
    const plugin = carry.acquire(key, () => new CompiledPlugin(record(item, module, this.#around)))
    return { item, traits: module.traits, key, plugin }
  }

  #release(holders: readonly Holder[]): void {
    for (const { key } of holders) this.#around.carry.release(key)
  }
}

interface Holder {
  readonly item: PluginItem
  readonly traits: Traits
  readonly key: string
  readonly plugin: CompiledPlugin
}

function compiled(item: ChainItem, holders: readonly Holder[]): CompiledItem {
  const keys = holders.map(({ key }) => key)
  const steps = holders.map(stepOf)
  if (item.kind === 'plugin') return { kind: 'step', step: steps[0]!, keys }
  const step: Step = {
    running: { plugin: 'any', id: item.id, observing: false },
    authenticates: true,
    optional: item.optional,
    assumes: false,
    byCertificate: false,
    onRequest: none,
    onSend: steps.flatMap((member) => member.onSend),
    onSendBody: steps.flatMap((member) => member.onSendBody),
    secrets: steps.flatMap((member) => member.secrets),
    members: steps,
  }
  return { kind: 'step', step, keys }
}

function stepOf({ item, traits, plugin }: Holder): Step {
  const { id, mode, optional, options } = item
  const { onRequest, onSend, onSendBody } = plugin.recorded
  return {
    running: { plugin: item.plugin.name, id, observing: mode === 'observe' },
    authenticates: traits.authenticates === true,
    optional,
    assumes: traits.assumes === true,
    byCertificate: needsOf(traits, item).includes('client-certificates'),
    onRequest,
    onSend,
    onSendBody,
    secrets: traits.secrets?.(options) ?? none,
    members: none,
  }
}

/** The hooks of one compiled plugin, shared by every generation whose file says the same about it. */
class CompiledPlugin {
  #hooks: RecordedHooks | Promise<RecordedHooks>

  constructor(hooks: RecordedHooks | Promise<RecordedHooks>) {
    this.#hooks = hooks
  }

  /** Undefined: it is ready already, as most are at once. */
  ready(): Promise<void> | undefined {
    if (!(this.#hooks instanceof Promise)) return undefined
    return this.#hooks.then((hooks) => {
      this.#hooks = hooks
    })
  }

  get recorded(): RecordedHooks {
    if (this.#hooks instanceof Promise) throw new Error('a plugin is used before it is ready')
    return this.#hooks
  }

  close(): void {
    // A plugin that failed to compile holds nothing: `record` let go of it, and the reload that hit it says why.
    if (this.#hooks instanceof Promise) {
      this.#hooks.then(
        (hooks) => hooks.close(),
        () => {},
      )
    } else this.#hooks.close()
  }
}
