/**
 * A config as it has come to where it is served. Most of what is new in it stays text until it is asked for: to read 10,000 routes
 * at once would hold every request up, and so would throwing 10,000 old ones away.
 */
import { Pace } from '../pace.ts'
import type { ChainItem, Config, ConsumerConfig, RouteConfig } from './config.ts'
import { deepFreeze } from './freeze.ts'
import type { PackedConfig, PackedList, PackedRoute } from './packed.ts'
import { itemOfText } from './part-text.ts'
import type { PartName, Parts } from './parts.ts'
import { Texts } from './texts.ts'
import { type PartOf, Source, type UnreadClass, UnreadItem, UnreadRoute, UnreadUpstream } from './unread.ts'
import type { UpstreamConfig } from './upstream-config.ts'

interface Receiver {
  /** The parts that places speak of; null where none does. */
  readonly known: Parts | null
  /** An upstream as this thread has it. Kept for what is read later: it must hold no config. */
  readonly upstreamOf?: (upstream: UpstreamConfig) => UpstreamConfig
}

export async function unpackConfig(
  { head, plugins, lists }: PackedConfig,
  { known, upstreamOf = unchanged }: Receiver,
): Promise<Config> {
  const pace = new Pace()
  const list = <Name extends PartName>(name: Name, kind: Omit<Kind<Parts[Name][number]>, 'known' | 'pace'>) =>
    unpackList<Parts[Name][number]>(lists[name], { known: known?.[name] ?? [], pace, ...kind })
  const items = await list('items', { Unread: UnreadItem, partOf: itemOfText })
  const parts: Parts = {
    items,
    routes: await list('routes', { Unread: UnreadRoute, partOf: routeOf, items }),
    upstreams: await list('upstreams', { Unread: UnreadUpstream, partOf: upstreamsBy(upstreamOf) }),
    consumers: await list('consumers', { partOf: consumerOf }),
  }
  return deepFreeze({ ...head, ...parts, plugins: plugins.map((number) => items[number]!) })
}

// What reads a part later lives as long as any part of its source. It is made out here, where it can hold nothing of the
// config that it came with, nor of the one before: the default of a parameter would.

function routeOf(text: string, items: readonly ChainItem[]): RouteConfig {
  const route: PackedRoute = JSON.parse(text)
  return { ...route, chain: route.chain.map((number) => items[number]!) }
}

function consumerOf(text: string): ConsumerConfig {
  return JSON.parse(text)
}

function unchanged(upstream: UpstreamConfig): UpstreamConfig {
  return upstream
}

function upstreamsBy(upstreamOf: (upstream: UpstreamConfig) => UpstreamConfig): PartOf<UpstreamConfig> {
  return (text) => upstreamOf(JSON.parse(text))
}

interface Kind<Part> {
  readonly known: readonly Part[]
  readonly pace: Pace
  /** What stands for a part that waits. */
  readonly Unread?: UnreadClass<Part & object>
  readonly partOf: PartOf<Part>
  /** All of the config, where parts name some. */
  readonly items?: readonly ChainItem[]
}

async function unpackList<Part extends object>(
  { places, sources: packed, coming }: PackedList,
  { known, pace, Unread, partOf, items = [] }: Kind<Part>,
): Promise<readonly Part[]> {
  const sources = packed.map(({ texts, briefs, items: numbers }) => {
    const named = Array.from(numbers, (number) => items[number]!)
    return new Source<Part>({ texts: new Texts(texts), briefs: new Texts(briefs), items: named, partOf })
  })
  const parts: Part[] = []
  let next = 0
  for (const place of places) {
    if (place === -1) {
      const source = sources[coming[next]!]!
      const index = coming[next + 1]!
      const waits = coming[next + 2] === 1
      parts.push(waits ? new Unread!(source, index) : deepFreeze(source.read(index)))
      next += 3
    } else parts.push(known[place]!)
    if (pace.isOver) await pace.rest()
  }
  // It holds frozen things only: no need to walk them again.
  return Object.freeze(parts)
}
