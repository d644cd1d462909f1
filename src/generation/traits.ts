/** What plugins say about themselves, asked of items and of routes. */
import type { ChainItem, PluginItem, RouteConfig } from '../config/config.ts'
import type { LoadedPlugin } from '../config/plugin-catalog.ts'
import type { Need, Traits } from '../plugin.ts'
import type { ChainTraits } from '../routing/leaf.ts'

export type Plugins = ReadonlyMap<string, LoadedPlugin>

export function traitsOf(item: PluginItem, plugins: Plugins): Traits | null {
  const loaded = plugins.get(item.plugin.url)
  return loaded?.kind === 'native' ? loaded.module.traits : null
}

export function needsOf(traits: Traits, item: PluginItem): readonly Need[] {
  return typeof traits.needs === 'function' ? traits.needs(item.options) : (traits.needs ?? [])
}

/** For the route table. */
export function chainTraits(plugins: Plugins): ChainTraits {
  const known = new WeakMap<RouteConfig, ReadonlySet<string>>()
  return {
    answersPreflights: ({ chain }) =>
      chain.some((item) => item.kind === 'plugin' && traitsOf(item, plugins)?.answers === 'preflight'),
    demandsOf(route) {
      const demands = known.get(route) ?? demandsOf(route, plugins)
      known.set(route, demands)
      return demands
    },
  }
}

/** Comparable between routes: equal items demand the same. */
function demandsOf({ chain, action }: RouteConfig, plugins: Plugins): ReadonlySet<string> {
  const demands = new Set<string>()
  for (const item of chain) if (isDemand(item, plugins)) demands.add(demandKey(item))
  if (action.kind === 'respond' && action.status >= 400 && action.status < 500) demands.add('refused')
  return demands
}

function isDemand(item: ChainItem, plugins: Plugins): boolean {
  if (item.kind === 'any') return !item.optional
  const traits = traitsOf(item, plugins)
  if (traits === null || item.mode === 'observe' || item.optional) return false
  return traits.authenticates === true || traits.restricts === true
}

function demandKey(item: ChainItem): string {
  return item.kind === 'any'
    ? JSON.stringify(item.members.map(demandKey))
    : JSON.stringify([item.plugin.url, item.options])
}
