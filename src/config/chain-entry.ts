/** One place in an effective chain: a plugin item or `any`, with what the rules ask about it. Shared by all routes it serves. */
import type { Need } from '../plugin.ts'
import type { ChainItem, PluginItem } from './config.ts'
import type { Position } from './diagnostic.ts'
import { authenticates, type CheckedItem } from './plugin-items.ts'

export interface ChainEntry {
  readonly id: string
  readonly at: Position
  /** As written: `jwt`, `any`. */
  readonly name: string
  /** Says who the client is, not counting observe mode. */
  readonly authenticates: boolean
  /** Requests without credentials pass. */
  readonly optional: boolean
  /** It was not imported, or is not valid: whether it authenticates is not known. */
  readonly unknown: boolean
  readonly needs: readonly Need[]
  readonly items: readonly PluginItem[]
  /** The item of the config: the same object for the same place, so that what is compiled from it is shared. */
  itemAt(place: { readonly belowAuthenticator: boolean }): ChainItem
}

export function pluginEntry(checked: CheckedItem): ChainEntry {
  const { item, skipped, needs } = checked
  const below: PluginItem = { ...item, belowAuthenticator: true }
  return {
    id: item.id,
    at: item.at,
    name: item.plugin.name,
    authenticates: authenticates(checked),
    optional: item.optional,
    unknown: skipped,
    needs,
    items: [item],
    itemAt: ({ belowAuthenticator }) => (belowAuthenticator ? below : item),
  }
}

export interface AnyParts {
  readonly id: string
  readonly at: Position
  readonly optional: boolean
  readonly members: readonly CheckedItem[]
}

export function anyEntry({ id, at, optional, members }: AnyParts): ChainEntry {
  const variant = (belowAuthenticator: boolean): ChainItem => ({
    kind: 'any',
    members: members.map(({ item }) => ({ ...item, belowAuthenticator })),
    optional,
    id,
    at,
  })
  const above = variant(false)
  const below = variant(true)
  return {
    id,
    at,
    name: 'any',
    authenticates: members.length > 0 && members.every(authenticates),
    optional,
    unknown: members.some(({ skipped }) => skipped),
    needs: members.flatMap(({ needs }) => needs),
    items: members.map(({ item }) => item),
    itemAt: ({ belowAuthenticator }) => (belowAuthenticator ? below : above),
  }
}

/** Where something stands that was reported: rules must not blame the route for what it was meant to do. */
export function unknownEntry({ id, at, name }: Pick<ChainEntry, 'id' | 'at' | 'name'>): ChainEntry {
  const itemAt = () => {
    throw new Error(`${name} is not valid: a config with it never gets this far`)
  }
  return { id, at, name, authenticates: false, optional: false, unknown: true, needs: [], items: [], itemAt }
}

/** The items of a chain in order, each told whether an authenticator stands above it. */
export function chainItems(entries: readonly ChainEntry[]): ChainItem[] {
  let belowAuthenticator = false
  return entries.map((entry) => {
    const item = entry.itemAt({ belowAuthenticator })
    belowAuthenticator ||= entry.authenticates
    return item
  })
}
