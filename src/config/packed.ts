/**
 * A config on its way to where it is served. What is there already is named by its place; the rest comes as text, and of that
 * most stays text until it is asked for: to read 10,000 routes at once would hold every request up, and so would throwing
 * 10,000 old ones away.
 */
import { Pace } from '../pace.ts'
import { routeLines, upstreamLines } from './brief.ts'
import type { ChainItem, Config, RouteConfig } from './config.ts'
import { deepFreeze } from './freeze.ts'
import { itemOfText, textOfItem } from './part-text.ts'
import { eachPart, type PartName, type Parts } from './parts.ts'
import { sharedCopy } from './shared-bytes.ts'
import { type PackedTexts, packTexts, sharedTexts, Texts } from './texts.ts'
import { isUnread, type Source, type UnreadClass, UnreadItem, UnreadRoute, UnreadUpstream } from './unread.ts'
import type { UpstreamConfig } from './upstream-config.ts'

export interface PackedConfig {
  /** What is left of it without its long lists. */
  readonly head: Omit<Config, PartName | 'plugins'>
  /** Numbers of the global items. */
  readonly plugins: readonly number[]
  readonly lists: Readonly<Record<PartName, PackedList>>
}

interface PackedList {
  /** Of each part, its place in the list that is there already; -1: it comes. */
  readonly places: Int32Array
  readonly sources: readonly PackedSource[]
  /** Of each part that comes, in order: its source, its number there, and 1 where it waits to be asked for. */
  readonly coming: Uint32Array
}

interface PackedSource {
  readonly texts: PackedTexts
  readonly briefs: PackedTexts
  /** Numbers of the items that its routes name, in the list of items. */
  readonly items: Uint32Array
}

/** Which parts need not be read before they are asked for. */
export interface Waiting {
  item(item: ChainItem): boolean
  route(route: RouteConfig): boolean
  upstream(upstream: UpstreamConfig): boolean
}

type PackedRoute = Omit<RouteConfig, 'chain'> & { readonly chain: readonly number[] }

/** `places`: of each part, among those that the receiver has. */
export function packConfig(
  config: Config,
  { places, waiting }: { places: Readonly<Record<PartName, Int32Array>>; waiting: Waiting },
): PackedConfig {
  const { items, routes: _, upstreams: __, consumers: ___, plugins, ...head } = config
  const numbers = new Map(items.map((item, number) => [item, number]))
  const packed = <Name extends PartName>(name: Name, kind: PackedKind<Parts[Name][number]>) =>
    packList<Parts[Name][number]>(config[name], places[name], { numbers, ...kind })
  const named = new Numbering()
  return {
    head,
    plugins: plugins.map((item) => numbers.get(item)!),
    lists: {
      items: packed('items', { textOf: textOfItem, waits: waiting.item }),
      routes: packed('routes', {
        textOf: (route) => named.textOf(route),
        waits: waiting.route,
        linesOf: routeLines,
        items: named.items,
      }),
      upstreams: packed('upstreams', { textOf: JSON.stringify, waits: waiting.upstream, linesOf: upstreamLines }),
      consumers: packed('consumers', { textOf: JSON.stringify, waits: () => false }),
    },
  }
}

/** Routes name items by numbers of their own source: those that it does not name are none of its business. */
class Numbering {
  readonly items: ChainItem[] = []
  readonly #numbers = new Map<ChainItem, number>()

  textOf(route: RouteConfig): string {
    return JSON.stringify({ ...route, chain: route.chain.map((item) => this.#numberOf(item)) })
  }

  #numberOf(item: ChainItem): number {
    const number = this.#numbers.get(item) ?? this.items.push(item) - 1
    this.#numbers.set(item, number)
    return number
  }
}

interface PackedKind<Part> {
  textOf(part: Part): string
  waits(part: Part): boolean
  /** Of its brief; see brief.ts. */
  linesOf?(part: Part): readonly string[]
  /** That the texts name. */
  readonly items?: readonly ChainItem[]
}

function packList<Part extends object>(
  parts: readonly Part[],
  places: Int32Array,
  { items = [], numbers, ...kind }: PackedKind<Part> & { numbers: ReadonlyMap<ChainItem, number> },
): PackedList {
  const parcel = new Parcel(kind)
  for (const [i, part] of parts.entries()) if (places[i] === -1) parcel.add(part)
  const numbersOf = (named: readonly ChainItem[]) => Uint32Array.from(named, (item) => numbers.get(item) ?? NOT_THERE)
  const others = parcel.sources.map(({ texts, briefs, items: named }) => ({
    texts: texts.packed,
    briefs: briefs.packed,
    items: numbersOf(named),
  }))
  const sources = [{ ...parcel.packed(), items: numbersOf(items) }, ...others]
  return { places, sources, coming: Uint32Array.from(parcel.coming) }
}

/** The parts of a list that come. Those that nobody has read are passed on as they came. */
class Parcel<Part extends object> {
  readonly sources: Source<object>[] = []
  readonly coming: number[] = []
  readonly #kind: PackedKind<Part>
  readonly #numbers = new Map<Source<object>, number>()
  readonly #texts: string[] = []
  readonly #briefs: string[] = []

  constructor(kind: PackedKind<Part>) {
    this.#kind = kind
  }

  add(part: Part): void {
    if (isUnread(part)) this.coming.push(this.#numberOf(part.source), part.index, 1)
    else this.#addOwn(part)
  }

  #numberOf(source: Source<object>): number {
    const number = this.#numbers.get(source) ?? this.sources.push(source)
    this.#numbers.set(source, number)
    return number
  }

  #addOwn(part: Part): void {
    const { textOf, waits, linesOf = () => [] } = this.#kind
    const lines = ['name' in part ? String(part.name) : '', ...linesOf(part)]
    const waiting = waits(part) && lines.every(isLine)
    this.#briefs.push(waiting ? lines.join('\n') : '')
    this.coming.push(0, this.#texts.push(textOf(part)) - 1, waiting ? 1 : 0)
  }

  packed(): Pick<PackedSource, 'texts' | 'briefs'> {
    return { texts: packTexts(this.#texts), briefs: packTexts(this.#briefs) }
  }
}

function isLine(text: string): boolean {
  return !text.includes('\n') && text.isWellFormed()
}

/** Of an item that only routes name which are gone. */
const NOT_THERE = 0xffffffff

/** For another thread: what is long in it is not copied on the way. */
export function sharedPack({ lists, ...rest }: PackedConfig): PackedConfig {
  const shared = ({ places, sources, coming }: PackedList): PackedList => ({
    places: new Int32Array(sharedCopy(places)),
    sources: sources.map(({ texts, briefs, items }) => ({
      texts: sharedTexts(texts),
      briefs: sharedTexts(briefs),
      items: new Uint32Array(sharedCopy(items)),
    })),
    coming: new Uint32Array(sharedCopy(coming)),
  })
  return { ...rest, lists: eachPart((name) => shared(lists[name])) }
}

interface Receiver {
  /** The parts that places speak of; null where none does. */
  readonly known: Parts | null
  /** An upstream as this thread has it. */
  readonly upstreamOf?: (upstream: UpstreamConfig) => UpstreamConfig
}

export async function unpackConfig(
  { head, plugins, lists }: PackedConfig,
  { known, upstreamOf = (upstream) => upstream }: Receiver,
): Promise<Config> {
  const pace = new Pace()
  const list = <Name extends PartName>(name: Name, kind: Omit<UnpackedKind<Parts[Name][number]>, 'known' | 'pace'>) =>
    unpackList<Parts[Name][number]>(lists[name], { known: known?.[name] ?? [], pace, ...kind })
  const items = await list('items', { Unread: UnreadItem, partOf: itemOfText })
  const parts: Parts = {
    items,
    routes: await list('routes', { Unread: UnreadRoute, partOf: routeOf, items }),
    upstreams: await list('upstreams', { Unread: UnreadUpstream, partOf: upstreamsBy(upstreamOf) }),
    consumers: await list('consumers', { partOf: (text) => JSON.parse(text) }),
  }
  return deepFreeze({ ...head, ...parts, plugins: plugins.map((number) => items[number]!) })
}

// What reads a part later lives as long as any part of its source. It is made out here, where it can hold nothing of the
// config that it came with, nor of the one before.

function routeOf(text: string, named: readonly ChainItem[]): RouteConfig {
  const route: PackedRoute = JSON.parse(text)
  return { ...route, chain: route.chain.map((number) => named[number]!) }
}

function upstreamsBy(upstreamOf: (upstream: UpstreamConfig) => UpstreamConfig) {
  return (text: string): UpstreamConfig => upstreamOf(JSON.parse(text))
}

function sourceOf<Part>(
  { texts, briefs }: PackedSource,
  named: readonly ChainItem[],
  partOf: PartOf<Part>,
): Source<Part> {
  return { texts: new Texts(texts), briefs: new Texts(briefs), items: named, partOf: (text) => partOf(text, named) }
}

type PartOf<Part> = (text: string, named: readonly ChainItem[]) => Part

interface UnpackedKind<Part> {
  readonly known: readonly Part[]
  readonly pace: Pace
  /** What stands for a part that waits. */
  readonly Unread?: UnreadClass<Part & object>
  readonly partOf: PartOf<Part>
  /** All of the config. */
  readonly items?: readonly ChainItem[]
}

async function unpackList<Part extends object>(
  { places, sources, coming }: PackedList,
  { known, pace, Unread, partOf, items = [] }: UnpackedKind<Part>,
): Promise<readonly Part[]> {
  const readers = sources.map((source) =>
    sourceOf(
      source,
      Array.from(source.items, (number) => items[number]!),
      partOf,
    ),
  )
  const parts: Part[] = []
  let next = 0
  for (const place of places) {
    if (place === -1) {
      const source = readers[coming[next]!]!
      const index = coming[next + 1]!
      if (coming[next + 2] === 1) parts.push(new Unread!(source, index))
      else parts.push(deepFreeze(source.partOf(source.texts.at(index))))
      next += 3
    } else parts.push(known[place]!)
    if (pace.isOver) await pace.rest()
  }
  // It holds frozen things only: no need to walk them again.
  return Object.freeze(parts)
}
