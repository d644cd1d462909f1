/**
 * A config on its way to where it is served: what is there already is named by its place, the rest is text that is read in
 * pieces. Reading 10,000 routes at once would hold every request up, and so would throwing 10,000 old ones away.
 */
import { Pace } from '../pace.ts'
import type { ChainItem, Config, RouteConfig } from './config.ts'
import { deepFreeze } from './freeze.ts'
import { itemOfText, textOfItem } from './part-text.ts'
import { eachPart, type PartName, type Parts } from './parts.ts'
import { sharedCopy } from './shared-bytes.ts'

export interface PackedConfig {
  /** What is left of it without its long lists. */
  readonly head: Omit<Config, 'routes' | 'upstreams' | 'consumers' | 'plugins'>
  /** Numbers of the global items. */
  readonly plugins: readonly number[]
  readonly lists: Readonly<Record<PartName, PackedList>>
}

interface PackedList {
  /** Of each part, its place in the list that is there already; -1: it comes as text, in order. */
  readonly places: Int32Array
  readonly texts: Uint8Array
  /** Where each text ends. */
  readonly ends: Uint32Array
}

type PackedRoute = Omit<RouteConfig, 'chain'> & { readonly chain: readonly number[] }

/** `places`: of each part, among those that the receiver has. */
export function packConfig(config: Config, parts: Parts, places: Readonly<Record<PartName, Int32Array>>): PackedConfig {
  const { routes: _, upstreams: __, consumers: ___, plugins, ...head } = config
  const numbers = new Map(parts.items.map((item, number) => [item, number]))
  const numberOf = (item: ChainItem) => numbers.get(item)!
  const list = <Name extends PartName>(name: Name, textOf: (part: Parts[Name][number]) => string) =>
    packList<Parts[Name][number]>(parts[name], places[name], textOf)
  return {
    head,
    plugins: plugins.map(numberOf),
    lists: {
      items: list('items', textOfItem),
      routes: list('routes', (route) => JSON.stringify({ ...route, chain: route.chain.map(numberOf) })),
      upstreams: list('upstreams', JSON.stringify),
      consumers: list('consumers', JSON.stringify),
    },
  }
}

function packList<Part>(parts: readonly Part[], places: Int32Array, textOf: (part: Part) => string): PackedList {
  const texts = parts.filter((_, i) => places[i] === -1).map((part) => Buffer.from(textOf(part)))
  let end = 0
  const ends = Uint32Array.from(texts, ({ length }) => (end += length))
  return { places, texts: Buffer.concat(texts), ends }
}

/** For another thread: what is long in it is not copied on the way. */
export function sharedPack({ lists, ...rest }: PackedConfig): PackedConfig {
  const sharedList = ({ places, texts, ends }: PackedList): PackedList => ({
    places: new Int32Array(sharedCopy(places)),
    texts: new Uint8Array(sharedCopy(texts)),
    ends: new Uint32Array(sharedCopy(ends)),
  })
  return { ...rest, lists: eachPart((name) => sharedList(lists[name])) }
}

export interface UnpackedConfig {
  readonly config: Config
  readonly parts: Parts
}

/** `known`: the parts that places speak of; null where none does. */
export async function unpackConfig(
  { head, plugins, lists }: PackedConfig,
  known: Parts | null,
): Promise<UnpackedConfig> {
  const pace = new Pace()
  const list = <Name extends PartName>(name: Name, partOf: (text: string) => Parts[Name][number]) =>
    unpackList<Parts[Name][number]>(lists[name], { known: known?.[name] ?? [], partOf, pace })
  const items = await list('items', itemOfText)
  const chainOf = (numbers: readonly number[]) => numbers.map((number) => items[number]!)
  const parts: Parts = {
    items,
    routes: await list('routes', (text) => {
      const route: PackedRoute = JSON.parse(text)
      return { ...route, chain: chainOf(route.chain) }
    }),
    upstreams: await list('upstreams', JSON.parse),
    consumers: await list('consumers', JSON.parse),
  }
  const { routes, upstreams, consumers } = parts
  return { config: deepFreeze({ ...head, routes, upstreams, consumers, plugins: chainOf(plugins) }), parts }
}

async function unpackList<Part extends object>(
  { places, texts, ends }: PackedList,
  { known, partOf, pace }: { known: readonly Part[]; partOf: (text: string) => Part; pace: Pace },
): Promise<readonly Part[]> {
  const bytes = Buffer.from(texts.buffer, texts.byteOffset, texts.length)
  const parts: Part[] = []
  let read = 0
  let start = 0
  for (const place of places) {
    if (place === -1) {
      const end = ends[read++]!
      parts.push(deepFreeze(partOf(bytes.toString('utf8', start, end))))
      start = end
    } else parts.push(known[place]!)
    if (pace.isOver) await pace.rest()
  }
  // It holds frozen things only: no need to walk them again.
  return Object.freeze(parts)
}
