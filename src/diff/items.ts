/** What changed about chain items, in words, with what it weakens. */
import type { ChainItem, PluginItem } from '../config/config.ts'
import { membersOf } from '../config/members.ts'
import { isSecretKey } from '../config/redaction.ts'
import { secretPaths } from '../config/secret-options.ts'
import { compareChains, type ItemPair, nameOf } from './chains.ts'
import type { Detail, Weakening } from './change.ts'
import { demandsIdentity, guards, isEnforced, limits, type Plugins } from './traits.ts'
import { changeText, shown, type ValueChange, valueChanges } from './values.ts'
import { weakerOption } from './weaker-auth.ts'
import { weakerLimit } from './weaker-limits.ts'
import { itemText } from './words.ts'

/** The plugins of either side: what their items are is asked of the side they stand on. */
export interface BothPlugins {
  readonly before: Plugins
  readonly after: Plugins
}

export function addedItem(item: ChainItem, { after }: BothPlugins): Detail {
  const text = `${itemText(item)} is new${optionsText(item, after)}`
  return sharesAnswers(item) ? { text, weakens: 'weaker-auth' } : { text }
}

/** One authenticator stands where another stood. */
export function replacedItem({ before, after }: ItemPair, plugins: BothPlugins): Detail[] {
  if (before.kind === 'any' || after.kind === 'any') return changedAny(before, after, plugins)
  const text = `clients sign in by ${itemText(after)} instead of ${itemText(before)}${optionsText(after, plugins.after)}`
  const open = demandsIdentity(before, plugins.before) && !demandsIdentity(after, plugins.after)
  return [open ? { text, weakens: 'weaker-auth' } : { text }]
}

export function removedItem(item: ChainItem, { before }: BothPlugins): Detail {
  const text = `${itemText(item)} is gone`
  if (!isEnforced(item)) return { text }
  if (guards(item, before)) return { text, weakens: 'weaker-auth' }
  return limits(item) ? { text, weakens: 'weaker-limits' } : { text }
}

/** Everything that is different about an item that both sides have. */
export function changedItem({ before, after }: ItemPair, plugins: BothPlugins): Detail[] {
  if (before.kind === 'any' || after.kind === 'any') return changedAny(before, after, plugins)
  const name = before.plugin.name
  const details: Detail[] = []
  if (before.plugin.digest !== after.plugin.digest) details.push({ text: `${name}: its code is another` })
  if (before.mode !== after.mode) details.push(modeChange(before, after, plugins))
  const optional = optionalChange(before, after)
  if (optional !== null) details.push(optional)
  const secrets = secretOptions(after, plugins.after)
  for (const change of valueChanges(before.options, after.options)) {
    const weakens = weakenedBy(change, before, after)
    const text = `${name} ${changeText(change, isHidden(change.path, secrets) ? secretValue : shown)}`
    details.push(weakens === undefined || !isEnforced(before) ? { text } : { text, weakens })
  }
  return details
}

function weakenedBy(change: ValueChange, before: PluginItem, after: PluginItem): Weakening | undefined {
  if (change.path === 'shared' && sharesAnswers(after)) return 'weaker-auth'
  return weakerOption(after.plugin.name, change) ?? (limits(after) ? weakerLimit(change, before, after) : undefined)
}

/** One consumer is given what another one asked for. */
function sharesAnswers(item: ChainItem): boolean {
  if (item.kind === 'any' || item.plugin.name !== 'cache') return false
  return item.belowAuthenticator && item.options['shared'] === true
}

function modeChange(before: PluginItem, after: PluginItem, plugins: BothPlugins): Detail {
  const name = before.plugin.name
  if (after.mode === 'enforce') return { text: `${name} enforces now, where it only observed` }
  const text = `${name} only observes now: what it would refuse passes`
  if (guards(before, plugins.before)) return { text, weakens: 'weaker-auth' }
  return limits(before) ? { text, weakens: 'weaker-limits' } : { text }
}

function optionalChange(before: ChainItem, after: ChainItem): Detail | null {
  if (before.optional === after.optional) return null
  if (!after.optional) return { text: `${nameOf(after)} is no longer optional` }
  return { text: `${nameOf(after)} is optional now: nobody needs credentials`, weakens: 'weaker-auth' }
}

function changedAny(before: ChainItem, after: ChainItem, plugins: BothPlugins): Detail[] {
  const [one, other] = [membersOf(before), membersOf(after)]
  const { added, removed, kept } = compareChains(one, other)
  const optional = optionalChange(before, after)
  return [
    ...(optional === null ? [] : [optional]),
    ...added.map(
      (item): Detail => ({
        text: `${itemText(item)} is one more way in${optionsText(item, plugins.after)}`,
        weakens: 'weaker-auth',
      }),
    ),
    ...removed.map((item): Detail => ({ text: `${itemText(item)} is no way in any more` })),
    ...kept.flatMap((pair) => changedItem(pair, plugins)),
  ]
}

function optionsText(item: ChainItem, plugins: Plugins): string {
  if (item.kind === 'any') return ''
  const secrets = secretOptions(item, plugins)
  const plain = Object.entries(item.options).filter(([key, value]) => isScalar(value) && !isHidden(key, secrets))
  const text = plain.map(([key, value]) => `${key}: ${shown(key, value)}`).join(', ')
  return text === '' ? '' : ` (${text})`
}

function isHidden(path: string, secrets: ReadonlySet<string>): boolean {
  return secrets.has(path) || path.split('.').some(isSecretKey)
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function secretOptions(item: PluginItem, plugins: Plugins): ReadonlySet<string> {
  const loaded = plugins.get(item.plugin.url)
  const schema = loaded?.module.schema as Parameters<typeof secretPaths>[0] | undefined
  return new Set(schema === undefined ? [] : secretPaths(schema).map((steps) => steps.join('.')))
}

const secretValue = () => '(secret)'
