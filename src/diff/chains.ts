/** Two chains item by item: which items are new, gone, moved or changed. Items pair by where they stand, then by name. */
import type { ChainItem } from '../config/config.ts'
import { itemText } from './words.ts'

export interface ItemPair {
  readonly before: ChainItem
  readonly after: ChainItem
}

export interface ChainDifference {
  readonly added: readonly ChainItem[]
  readonly removed: readonly ChainItem[]
  /** In both, changed or not. */
  readonly kept: readonly ItemPair[]
  /** The kept items stand in another order. */
  readonly reordered: boolean
}

export function compareChains(before: readonly ChainItem[], after: readonly ChainItem[]): ChainDifference {
  const removed = new Set(before)
  const added = new Set(after)
  const partners = new Map<ChainItem, ChainItem>()
  const pair = (match: (one: ChainItem, other: ChainItem) => boolean) => {
    for (const one of removed) {
      const other = [...added].find((candidate) => match(one, candidate))
      if (other === undefined) continue
      partners.set(one, other)
      removed.delete(one)
      added.delete(other)
    }
  }
  pair((one, other) => one.id === other.id)
  // Moved into or out of a named chain, or the route was renamed.
  pair((one, other) => nameOf(one) === nameOf(other))
  const kept = [...partners].map(([one, other]) => ({ before: one, after: other }))
  const places = before.flatMap((item) => partners.get(item) ?? []).map((item) => after.indexOf(item))
  const reordered = places.some((place, i) => i > 0 && place < places[i - 1]!)
  return { added: [...added], removed: [...removed], kept, reordered }
}

export function nameOf(item: ChainItem): string {
  return item.kind === 'any' ? 'any' : item.plugin.name
}

/** `api-key, rate-limit, cache`. */
export function chainText(chain: readonly ChainItem[]): string {
  return chain.map(itemText).join(', ') || 'nothing'
}
