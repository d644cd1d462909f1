/** Chain items of a config, compiled to steps; items that did not change are taken over from the generation before. */
import { hash } from 'node:crypto'
import type { FastifyPluginAsync } from 'fastify'
import type { AnyItem, ChainItem, PluginItem } from '../config/config.ts'
import { placelessText } from '../config/part-text.ts'
import type { LoadedPlugin } from '../config/plugin-catalog.ts'
import type { Step } from './chain.ts'
import { needsOf } from './declared.ts'
import type { Reuse } from './reuse.ts'
import { none, type RecordedHooks, record, type Surroundings } from './scope.ts'

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

  /** One after the other, and only what is not held: what two chains share is compiled once. */
  async compile(item: ChainItem): Promise<CompiledItem> {
    const compiled = await (item.kind === 'any' ? this.#compileAny(item) : this.#compilePlugin(item))
    this.#compiled.set(item, compiled)
    return compiled
  }

  async #compileAny(item: AnyItem): Promise<CompiledItem> {
    const members: Step[] = []
    const keys: string[] = []
    try {
      for (const member of item.members) {
        const compiled = await this.#compilePlugin(member)
        keys.push(...compiled.keys)
        if (compiled.kind === 'foreign')
          throw new Error(`${compiled.name} authenticates nobody and cannot stand in any`)
        members.push(compiled.step)
      }
    } catch (error) {
      for (const key of keys) this.#around.carry.release(key)
      throw error
    }
    const step: Step = {
      running: { plugin: 'any', id: item.id, observing: false },
      authenticates: true,
      optional: item.optional,
      assumes: false,
      byCertificate: false,
      onRequest: none,
      onSend: members.flatMap((member) => member.onSend),
      onSendBody: members.flatMap((member) => member.onSendBody),
      secrets: members.flatMap((member) => member.secrets),
      members,
    }
    return { kind: 'step', step, keys }
  }

  async #compilePlugin(item: PluginItem): Promise<CompiledItem> {
    const { plugin, id, mode, optional, options } = item
    const loaded = this.#plugins.get(plugin.url)
    if (loaded === undefined) throw new Error(`${plugin.name} is not loaded`)
    if (loaded.kind === 'foreign') {
      const { default: foreign } = loaded.module
      return { kind: 'foreign', name: plugin.name, plugin: foreign as FastifyPluginAsync, options, keys: [] }
    }
    const { module } = loaded
    const { carry, digest } = this.#around
    // JSON alone would not tell `.inf` from `.nan`. A digest, since there may be 20,000 of them.
    const key = `item ${hash('sha256', `${placelessText(item)} ${digest}`, 'base64')}`
    const holder = carry.acquire(key, () => new CompiledPlugin(record(item, module, this.#around)))
    let hooks: RecordedHooks
    try {
      hooks = holder.hooks instanceof Promise ? await holder.ready() : holder.hooks
    } catch (error) {
      carry.release(key)
      throw error
    }
    const step: Step = {
      running: { plugin: plugin.name, id, observing: mode === 'observe' },
      authenticates: module.traits.authenticates === true,
      optional,
      assumes: module.traits.assumes === true,
      byCertificate: needsOf(module.traits, item).includes('client-certificates'),
      onRequest: hooks.onRequest,
      onSend: hooks.onSend,
      onSendBody: hooks.onSendBody,
      secrets: module.traits.secrets?.(options) ?? none,
      members: none,
    }
    return { kind: 'step', step, keys: [key] }
  }
}

/** The hooks of one compiled plugin, shared by every generation whose file says the same about it. */
class CompiledPlugin {
  hooks: RecordedHooks | Promise<RecordedHooks>

  constructor(hooks: RecordedHooks | Promise<RecordedHooks>) {
    this.hooks = hooks
  }

  async ready(): Promise<RecordedHooks> {
    this.hooks = await this.hooks
    return this.hooks
  }

  close(): void {
    // A plugin that failed to compile holds nothing: `record` let go of it, and the reload that hit it says why.
    if (this.hooks instanceof Promise) {
      this.hooks.then(
        (hooks) => hooks.close(),
        () => {},
      )
    } else this.hooks.close()
  }
}
