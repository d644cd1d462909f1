/** Chain items of a config, compiled to steps; items that did not change are taken over from the generation before. */
import type { FastifyPluginAsync } from 'fastify'
import type { AnyItem, ChainItem, PluginItem } from '../config/config.ts'
import type { LoadedPlugin } from '../config/plugin-catalog.ts'
import type { Step } from './chain.ts'
import { needsOf } from './declared.ts'
import { type RecordedHooks, record, type Surroundings } from './scope.ts'

/** An item of a chain, ready to run: a step of ours, or a Fastify plugin that needs a context of its own. */
export type CompiledItem =
  | { readonly kind: 'step'; readonly step: Step }
  | { readonly kind: 'foreign'; readonly name: string; readonly plugin: FastifyPluginAsync; readonly options: object }

export class ItemCompiler {
  readonly #around: Surroundings
  readonly #plugins: ReadonlyMap<string, LoadedPlugin>
  readonly #compiled = new Map<ChainItem, Promise<CompiledItem>>()
  readonly #held: string[] = []

  constructor(around: Surroundings, plugins: ReadonlyMap<string, LoadedPlugin>) {
    this.#around = around
    this.#plugins = plugins
  }

  /** Keys of everything compiled items hold in the carry: released when the generation is retired. */
  get held(): readonly string[] {
    return this.#held
  }

  compile(item: ChainItem): Promise<CompiledItem> {
    let compiled = this.#compiled.get(item)
    if (compiled === undefined) {
      compiled = item.kind === 'any' ? this.#compileAny(item) : this.#compilePlugin(item)
      this.#compiled.set(item, compiled)
    }
    return compiled
  }

  async #compileAny(item: AnyItem): Promise<CompiledItem> {
    const members: Step[] = []
    for (const member of item.members) {
      const compiled = await this.#compilePlugin(member)
      if (compiled.kind === 'foreign') throw new Error(`${compiled.name} authenticates nobody and cannot stand in any`)
      members.push(compiled.step)
    }
    const step: Step = {
      running: { plugin: 'any', id: item.id, observing: false },
      authenticates: true,
      optional: item.optional,
      assumes: false,
      byCertificate: false,
      onRequest: [],
      onSend: members.flatMap((member) => member.onSend),
      onSendBody: members.flatMap((member) => member.onSendBody),
      secrets: members.flatMap((member) => member.secrets),
      members,
    }
    return { kind: 'step', step }
  }

  async #compilePlugin(item: PluginItem): Promise<CompiledItem> {
    const loaded = this.#plugins.get(item.plugin.url)
    if (loaded === undefined) throw new Error(`${item.plugin.name} is not loaded`)
    if (loaded.kind === 'foreign') {
      return {
        kind: 'foreign',
        name: item.plugin.name,
        plugin: loaded.module.default as FastifyPluginAsync,
        options: item.options,
      }
    }
    const { module } = loaded
    const { id, mode, optional, belowAuthenticator } = item
    const key = `item ${JSON.stringify([item.plugin.url, id, mode, optional, belowAuthenticator, item.options, this.#around.digest])}`
    const holder = this.#around.carry.acquire(key, () => new CompiledPlugin(record(item, module, this.#around)))
    this.#held.push(key)
    const hooks = await holder.hooks
    const step: Step = {
      running: { plugin: item.plugin.name, id, observing: mode === 'observe' },
      authenticates: module.traits.authenticates === true,
      optional,
      assumes: module.traits.assumes === true,
      byCertificate: needsOf(module.traits, item).includes('client-certificates'),
      onRequest: hooks.onRequest,
      onSend: hooks.onSend,
      onSendBody: hooks.onSendBody,
      secrets: module.traits.secrets?.(item.options) ?? [],
      members: [],
    }
    return { kind: 'step', step }
  }
}

/** The hooks of one compiled plugin, shared by every generation whose file says the same about it. */
class CompiledPlugin {
  readonly hooks: Promise<RecordedHooks>

  constructor(hooks: Promise<RecordedHooks>) {
    this.hooks = hooks
  }

  close(): void {
    // A plugin that failed to compile holds nothing: `record` let go of it, and the reload that hit it says why.
    this.hooks.then(
      (hooks) => hooks.close(),
      () => {},
    )
  }
}
