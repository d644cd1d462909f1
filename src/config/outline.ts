/** What all parts of a config say together: who serves it need not read them all for that. */
import type { Config, PluginItem, PluginRef } from './config.ts'
import type { Position } from './diagnostic.ts'
import type { Findings } from './findings.ts'
import { membersOf } from './members.ts'
import type { LoadedPlugin } from './plugin-catalog.ts'
import { mostThreads } from './threads.ts'

/** What the long lists of a config say together. */
export interface Outline {
  /** Each of the plugins that it uses. */
  readonly plugins: readonly PluginUse[]
  /** Request parts that decide about something, sorted: `header:x-tenant`. */
  readonly reads: readonly string[]
  /** Request parts that carry credentials, sorted. */
  readonly secrets: readonly string[]
  /** Header names that are the gateway's to set, with `-` for `_`, as clients' names are compared: CGI and WSGI origins cannot tell them apart. */
  readonly reserved: readonly string[]
  /** How many routes let everybody in. */
  readonly publicRoutes: number
  /** Some target is the embedded origin. */
  readonly usesEcho: boolean
  /** As many threads can have a part of every bound on connections. */
  readonly mostThreads: number
}

/** A plugin, and the first item of it. */
export interface PluginUse {
  readonly plugin: PluginRef
  readonly at: Position
  readonly path: string
  /** Of ours, or a Fastify package. */
  readonly kind: 'native' | 'foreign'
  /** As its traits say. */
  readonly lazy: boolean
}

type Outlined = Pick<Config, 'limits' | 'items' | 'routes' | 'upstreams'>

/** `plugins`: by `PluginRef.url`. Reports plugins that cannot say what they declare. */
export function outlineOf(config: Outlined, plugins: ReadonlyMap<string, LoadedPlugin>, findings: Findings): Outline {
  const { routes, upstreams } = config
  const items = config.items.flatMap(membersOf)
  const declared = new Declared(findings)
  for (const item of items) declared.add(item, plugins.get(item.plugin.url))
  for (const part of readByConfig(config)) declared.reads.add(part)
  return {
    plugins: usesOf(items, plugins),
    ...declared.sorted,
    publicRoutes: routes.filter((route) => route.public !== undefined).length,
    usesEcho: upstreams.some(({ targets }) => targets.some(({ protocol }) => protocol === 'builtin')),
    mostThreads: mostThreads(config),
  }
}

class Declared {
  readonly reads = new Set<string>()
  readonly #secrets = new Set<string>()
  readonly #reserved = new Set<string>()
  readonly #findings: Findings

  constructor(findings: Findings) {
    this.#findings = findings
  }

  add({ plugin, options, at, id }: PluginItem, loaded: LoadedPlugin | undefined): void {
    if (loaded?.kind !== 'native') return
    const { traits } = loaded.module
    try {
      for (const name of traits.reads?.(options) ?? []) this.reads.add(name)
      for (const name of traits.secrets?.(options) ?? []) this.#secrets.add(name)
      for (const name of traits.reserves?.(options) ?? []) this.#reserved.add(name.replaceAll('_', '-'))
    } catch {
      // What it threw is about its own code: the operator is told which plugin it is.
      const message = `${plugin.name} cannot say what it reads, hides or reserves`
      this.#findings.error('plugin-invalid', { path: id, at }, message)
    }
  }

  get sorted(): Pick<Outline, 'reads' | 'secrets' | 'reserved'> {
    return { reads: [...this.reads].sort(), secrets: [...this.#secrets].sort(), reserved: [...this.#reserved].sort() }
  }
}

/** Request parts that routes and upstreams decide by. */
function* readByConfig({ routes, upstreams }: Outlined): Generator<string> {
  for (const { balance } of upstreams) {
    if (balance.kind === 'hash' && balance.by.kind === 'header') yield `header:${balance.by.name}`
  }
  for (const { match, action } of routes) {
    for (const { name } of match.headers) yield `header:${name}`
    for (const { name } of match.query) yield `query:${name}`
    if (action.kind === 'forward' && action.splitBy?.kind === 'header') yield `header:${action.splitBy.name}`
  }
}

function usesOf(items: readonly PluginItem[], plugins: ReadonlyMap<string, LoadedPlugin>): PluginUse[] {
  const uses = new Map<string, PluginUse>()
  for (const { plugin, at, id } of items) {
    if (uses.has(plugin.url)) continue
    const loaded = plugins.get(plugin.url)
    const lazy = loaded?.kind === 'native' && loaded.module.traits.lazy === true
    uses.set(plugin.url, { plugin, at, path: id, kind: loaded?.kind ?? 'foreign', lazy })
  }
  return [...uses.values()]
}
