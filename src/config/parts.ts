/** The long lists of a config, which a reload mostly leaves as they are: what is the same in the next one is taken over, not made anew. */
import { hash } from 'node:crypto'
import type { ChainItem, Config } from './config.ts'
import { placelessText } from './part-text.ts'

export type PartName = 'items' | 'routes' | 'upstreams' | 'consumers'

export type Parts = Pick<Config, PartName>

/** Something for each of the lists. */
export function eachPart<Value>(made: (name: PartName) => Value): Record<PartName, Value> {
  return { items: made('items'), routes: made('routes'), upstreams: made('upstreams'), consumers: made('consumers') }
}

/** Of SHA-256: two parts that differ have never been seen to agree in so much. */
const PRINT_BYTES = 16

/** By list, a digest of each part: equal digest, equal part. Where it stands in the file does not count. */
export type Prints = Readonly<Record<PartName, Uint8Array>>

export function printsOf(parts: Parts): Prints {
  const items = printed(parts.items.map(placelessText))
  const numbers = new Map(parts.items.map((item, number) => [item, number]))
  const printOf = (item: ChainItem) => printAt(items, numbers.get(item)!)
  return {
    items,
    routes: printed(parts.routes.map((route) => JSON.stringify({ ...route, chain: route.chain.map(printOf) }))),
    upstreams: printed(parts.upstreams.map((upstream) => JSON.stringify(upstream))),
    consumers: printed(parts.consumers.map((consumer) => JSON.stringify(consumer))),
  }
}

function printed(texts: readonly string[]): Uint8Array {
  const prints = Buffer.allocUnsafeSlow(texts.length * PRINT_BYTES)
  for (const [i, text] of texts.entries()) hash('sha256', text, 'buffer').copy(prints, i * PRINT_BYTES, 0, PRINT_BYTES)
  return prints
}

function printAt(prints: Uint8Array, index: number): string {
  const { buffer, byteOffset } = prints
  return Buffer.from(buffer, byteOffset + index * PRINT_BYTES, PRINT_BYTES).toString('latin1')
}

/** Where each part of `fresh` stands in `known`; -1: it is not there. */
export function placesOf(fresh: Uint8Array, known: Uint8Array | undefined): Int32Array {
  const places = new Map<string, number>()
  const count = (prints: Uint8Array | undefined) => (prints?.length ?? 0) / PRINT_BYTES
  for (let i = 0; i < count(known); i++) places.set(printAt(known!, i), i)
  return Int32Array.from({ length: count(fresh) }, (_, i) => places.get(printAt(fresh, i)) ?? -1)
}

/** Those of the parts that are not there. */
export function freshPrints(prints: Uint8Array, places: Int32Array): Uint8Array {
  const fresh = Array.from(places, (place, i) => (place === -1 ? bytesAt(prints, i) : none))
  return Buffer.concat(fresh)
}

/** Of all parts, from those that were not there and those that were. */
export function wholePrints(fresh: Uint8Array, places: Int32Array, known: Uint8Array | undefined): Uint8Array {
  const prints = new Uint8Array(places.length * PRINT_BYTES)
  let next = 0
  for (let from = 0, to = 0; from < places.length; from = to) {
    const place = places[from]!
    // Most of a list is as it was: what is in a row is copied at once.
    for (to = from + 1; to < places.length && places[to] === (place === -1 ? -1 : place + to - from); ) to++
    const [source, start] = place === -1 ? [fresh, next] : [known!, place]
    prints.set(source.subarray(start * PRINT_BYTES, (start + to - from) * PRINT_BYTES), from * PRINT_BYTES)
    if (place === -1) next += to - from
  }
  return prints
}

const none = new Uint8Array()

function bytesAt(prints: Uint8Array, index: number): Uint8Array {
  return prints.subarray(index * PRINT_BYTES, (index + 1) * PRINT_BYTES)
}

/** Places of parts among those that somebody has, where both are of this thread: a part that was taken over is the same object. */
export function sharedPlaces(parts: Parts, known: Parts | null): Record<PartName, Int32Array> {
  return eachPart((name) => {
    const places = new Map<object, number>(known?.[name].map((part, place) => [part, place]))
    return Int32Array.from(parts[name], (part: object) => places.get(part) ?? -1)
  })
}
