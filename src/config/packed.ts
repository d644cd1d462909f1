/** A config on its way to where it is served. What is there already is named by its place, the rest comes as text. See unpacked.ts. */
import { routeLines, upstreamLines } from './brief.ts'
import type { ChainItem, Config, RouteConfig } from './config.ts'
import { textOfItem } from './part-text.ts'
import { eachPart, type PartName, type Parts } from './parts.ts'
import { sharedCopy } from './shared-bytes.ts'
import { type PackedTexts, packTexts, sharedTexts } from './texts.ts'
import { isUnread, type Source } from './unread.ts'
import type { UpstreamConfig } from './upstream-config.ts'

export interface PackedConfig {
  /** What is left of it without its long lists. */
  readonly head: Omit<Config, PartName | 'plugins'>
  /** Numbers of the global items. */
  readonly plugins: readonly number[]
  readonly lists: Readonly<Record<PartName, PackedList>>
}

export interface PackedList {
  /** Of each part, its place in the list that is there already; -1: it comes. */
  readonly places: Int32Array
  readonly sources: readonly PackedSource[]
  /** Of each part that comes, in order: its source, its number there, and 1 where it waits to be asked for. */
  readonly coming: Uint32Array
}

export interface PackedSource {
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

export type PackedRoute = Omit<RouteConfig, 'chain'> & { readonly chain: readonly number[] }

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
