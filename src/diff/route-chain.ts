/** The effective chains of one route on both sides: what changed, by the item that it changed about. */
import type { ChainItem } from '../config/config.ts'
import { compareChains } from './chains.ts'
import type { Detail } from './change.ts'
import { addedItem, type BothPlugins, changedItem, removedItem, replacedItem } from './items.ts'
import { authenticates } from './traits.ts'
import { placeOf } from './words.ts'

export interface ItemDetail {
  readonly detail: Detail
  /** Where the item stands: items of a named chain, or of the global one, are shared by routes. */
  readonly place: string
}

export function chainDetails(
  before: readonly ChainItem[],
  after: readonly ChainItem[],
  plugins: BothPlugins,
): ItemDetail[] {
  const { added, removed, kept, reordered } = compareChains(before, after)
  const gone = removed.filter((item) => authenticates(item, plugins.before))
  const come = added.filter((item) => authenticates(item, plugins.after))
  const replaced = gone.slice(0, come.length).map((item, i) => ({ before: item, after: come[i]! }))
  const isReplaced = (item: ChainItem) => replaced.some((pair) => pair.before === item || pair.after === item)
  const at = (item: ChainItem, details: readonly Detail[]) =>
    details.map((detail) => ({ detail, place: placeOf(item) }))
  return [
    ...removed.filter((item) => !isReplaced(item)).flatMap((item) => at(item, [removedItem(item, plugins)])),
    ...replaced.flatMap((pair) => at(pair.after, replacedItem(pair, plugins))),
    ...added.filter((item) => !isReplaced(item)).flatMap((item) => at(item, [addedItem(item, plugins)])),
    ...kept.flatMap((pair) => at(pair.after, changedItem(pair, plugins))),
    ...(reordered && after[0] !== undefined ? at(after[0], [orderOf(after)]) : []),
  ]
}

function orderOf(chain: readonly ChainItem[]): Detail {
  const names = chain.map((item) => (item.kind === 'any' ? 'any' : item.plugin.name))
  return { text: `the order is another: ${names.join(', ')}` }
}
