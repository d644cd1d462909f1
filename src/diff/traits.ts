/** What kind of item something is, as its plugin says of itself. */
import type { ChainItem, PluginItem } from '../config/config.ts'
import type { LoadedConfig } from '../config/load.ts'

export type Plugins = LoadedConfig['plugins']

/** Items that bound what a client may use. */
const limiting = new Set(['rate-limit', 'quota', 'concurrency', 'overload', 'body-limit'])

export function authenticates(item: ChainItem, plugins: Plugins): boolean {
  return item.kind === 'any' || traitsOf(item, plugins)?.authenticates === true
}

/** Nobody passes it without having proved something. */
export function demandsIdentity(item: ChainItem, plugins: Plugins): boolean {
  return authenticates(item, plugins) && !item.optional && (item.kind === 'any' || item.mode === 'enforce')
}

/** Decides who may pass: by identity or by address. */
export function guards(item: ChainItem, plugins: Plugins): boolean {
  return authenticates(item, plugins) || (item.kind === 'plugin' && traitsOf(item, plugins)?.restricts === true)
}

export function limits(item: ChainItem): boolean {
  return item.kind === 'plugin' && limiting.has(item.plugin.name)
}

export function isEnforced(item: ChainItem): boolean {
  return item.kind === 'any' || item.mode === 'enforce'
}

export function traitsOf(item: PluginItem, plugins: Plugins) {
  const loaded = plugins.get(item.plugin.url)
  return loaded?.kind === 'native' ? loaded.module.traits : null
}
