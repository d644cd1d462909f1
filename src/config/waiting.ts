/** Which parts of a config wait until a request asks for them. */
import type { PluginItem } from './config.ts'
import { membersOf } from './members.ts'
import type { Outline } from './outline.ts'
import type { Waiting } from './packed.ts'

/** All but those that do something by themselves: targets that are probed, plugins that keep or open something, Fastify packages. */
export function waitingOf({ plugins }: Outline): Waiting {
  const uses = new Map(plugins.map((use) => [use.plugin.url, use]))
  const useOf = ({ plugin }: PluginItem) => uses.get(plugin.url)!
  return {
    item: (item) => membersOf(item).every((one) => useOf(one).lazy),
    route: ({ chain }) => chain.flatMap(membersOf).every((one) => useOf(one).kind === 'native'),
    upstream: ({ health }) => !health?.probe,
  }
}

export const nothingWaits: Waiting = { item: () => false, route: () => false, upstream: () => false }
