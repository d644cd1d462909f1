/** A part of a config as text. JSON, and beside it what YAML has and JSON has not: `.inf`, `.nan`, `-0.0`. */
import { deserialize, serialize } from 'node:v8'
import type { ChainItem, PluginItem } from './config.ts'
import { membersOf } from './members.ts'

/** Options of a plugin may be whatever YAML can say; all else in a config is JSON. */
export function textOfItem(item: ChainItem): string {
  const items = membersOf(item)
  if (items.every(({ options }) => isJson(options))) return JSON.stringify(item)
  const options = serialize(items.map((one) => one.options)).toString('base64')
  return JSON.stringify({ item: item.kind === 'any' ? { ...item, members: items.map(bare) } : bare(item), options })
}

/** The same wherever in the file the item, or a member of it, stands. */
export function placelessText(item: ChainItem): string {
  return textOfItem(
    item.kind === 'any' ? { ...displaced(item), members: item.members.map(displaced) } : displaced(item),
  )
}

const nowhere = { file: '', line: 0, column: 0, endColumn: 0 }

function displaced<Item extends ChainItem>(item: Item): Item {
  return { ...item, at: nowhere }
}

export function itemOfText(text: string): ChainItem {
  const read = JSON.parse(text) as ChainItem | { readonly item: ChainItem; readonly options: string }
  if (!('item' in read)) return read
  const options: PluginItem['options'][] = deserialize(Buffer.from(read.options, 'base64'))
  const filled = (item: PluginItem, i: number): PluginItem => ({ ...item, options: options[i]! })
  return read.item.kind === 'any' ? { ...read.item, members: read.item.members.map(filled) } : filled(read.item, 0)
}

function bare(item: PluginItem): PluginItem {
  return { ...item, options: {} }
}

function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0)
  return typeof value !== 'object' || value === null || Object.values(value).every(isJson)
}
