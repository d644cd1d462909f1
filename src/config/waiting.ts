/** Which parts of a config wait until a request asks for them. */
import type { ChainItem, PluginItem } from './config.ts'
import type { Outline } from './outline.ts'
import type { Waiting } from './packed.ts'

/** All but those that do something by themselves: targets that are probed, plugins that keep or open something, Fastify packages. */
export function waitingOf({ plugins }: Outline): Waiting {
  const uses = new Map(plugins.map((use) => [use.plugin.url, use]))
  const useOf = ({ plugin }: PluginItem) => uses.get(plugin.url)!
  return {
    item: (item) => itemsOf(item).every((one) => useOf(one).lazy),
    route: ({ chain }) => chain.flatMap(itemsOf).every((one) => useOf(one).kind === 'native'),
    upstream: ({ health }) => !health?.probe,
  }
}

export const nothingWaits: Waiting = { item: () => false, route: () => false, upstream: () => false }

function itemsOf(item: ChainItem): readonly PluginItem[] {
  return item.kind === 'any' ? item.members : [item]
}
