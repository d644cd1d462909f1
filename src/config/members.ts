/** The plugins that a chain item stands for. */
import type { ChainItem, PluginItem } from './config.ts'

/** Itself, or those of `any`. */
export function membersOf(item: ChainItem): readonly PluginItem[] {
  return item.kind === 'any' ? item.members : [item]
}
