/** What the routes and plugins of a config say about it as a whole. Looked at in pieces: there may be many. */
import type { ChainItem, Config, PluginItem } from '../config/config.ts'
import type { LoadedPlugin } from '../config/plugin-catalog.ts'
import { inPieces } from '../pace.ts'
import type { Need, Traits } from '../plugin.ts'

export interface Declared {
  /** Request parts that decide about something, sorted: `header:x-tenant`. */
  readonly reads: readonly string[]
  /** Request parts that carry credentials, sorted. */
  readonly secrets: readonly string[]
  /** Header names that are the gateway's to set, with `-` for `_`, as clients' names are compared: CGI and WSGI origins cannot tell them apart. */
  readonly reserved: ReadonlySet<string>
}

export async function declaredBy(config: Config, plugins: ReadonlyMap<string, LoadedPlugin>): Promise<Declared> {
  const reads = new Set<string>()
  const secrets = new Set<string>()
  const reserved = new Set<string>()
  await inPieces(config.upstreams, ({ balance }) => {
    if (balance.kind === 'hash' && balance.by.kind === 'header') reads.add(`header:${balance.by.name}`)
  })
  await inPieces(config.routes, ({ match, action }) => {
    for (const { name } of match.headers) reads.add(`header:${name}`)
    for (const { name } of match.query) reads.add(`query:${name}`)
    if (action.kind === 'forward' && action.splitBy?.kind === 'header') reads.add(`header:${action.splitBy.name}`)
  })
  await inPieces(await pluginItems(config), (item) => {
    const traits = traitsOf(item, plugins)
    for (const name of traits?.reads?.(item.options) ?? []) reads.add(name)
    for (const name of traits?.secrets?.(item.options) ?? []) secrets.add(name)
    for (const name of traits?.reserves?.(item.options) ?? []) reserved.add(name.replaceAll('_', '-'))
  })
  return { reads: [...reads].sort(), secrets: [...secrets].sort(), reserved }
}

export function traitsOf(item: PluginItem, plugins: ReadonlyMap<string, LoadedPlugin>): Traits | null {
  const loaded = plugins.get(item.plugin.url)
  return loaded?.kind === 'native' ? loaded.module.traits : null
}

export function needsOf(traits: Traits, item: PluginItem): readonly Need[] {
  return typeof traits.needs === 'function' ? traits.needs(item.options) : (traits.needs ?? [])
}

/** Every plugin item of a config once, those inside `any` included. */
export async function pluginItems({ plugins, routes }: Config): Promise<readonly PluginItem[]> {
  const seen = new Set<ChainItem>()
  const items: PluginItem[] = []
  const add = (chain: readonly ChainItem[]) => {
    for (const item of chain) {
      if (seen.has(item)) continue
      seen.add(item)
      if (item.kind === 'plugin') items.push(item)
      else items.push(...item.members)
    }
  }
  add(plugins)
  await inPieces(routes, ({ chain }) => add(chain))
  return items
}
