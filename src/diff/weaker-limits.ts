/** Whether a limit lets more through than before. */
import type { PluginItem } from '../config/config.ts'
import { duration, size } from '../config/units.ts'
import type { Weakening } from './change.ts'
import type { ValueChange } from './values.ts'

/** Of two values of one option, the one that admits more is greater. */
const admits: Readonly<Record<string, (value: unknown) => number>> = {
  max: amountOf,
  queue: amountOf,
  // A shorter window admits the same number more often.
  window: (value) => -amountOf(value),
  // What counted together with others counts for itself.
  counter: (value) => (value === undefined ? 1 : 0),
  algorithm: (value) => (value === 'fixed' ? 1 : 0),
  onStoreFailure: (value) => ['deny', 'local', 'allow'].indexOf(String(value)),
}

/** Options of a limit that got weaker. Where amount and window both change, the rate decides. */
export function weakerLimit(change: ValueChange, before: PluginItem, after: PluginItem): Weakening | undefined {
  const { path } = change
  const isRate = path === 'max' || path === 'window'
  if (isRate && rateOf(before) !== null && rateOf(after) !== null && bothChange(before, after)) {
    return rateOf(after)! > rateOf(before)! ? 'weaker-limits' : undefined
  }
  if (path === 'by') return keysOf(byOf(after)) > keysOf(byOf(before)) ? 'weaker-limits' : undefined
  const measure = admits[path]
  return measure !== undefined && measure(change.after) > measure(change.before) ? 'weaker-limits' : undefined
}

/** The more keys one client can have, the more it may do under a limit for each of them. */
function keysOf(by: string): number {
  if (by === 'route') return 0
  if (by === 'consumer' || by.startsWith('claim:')) return 1
  return by === 'ip' ? 2 : 3
}

function byOf({ options: { by }, belowAuthenticator }: PluginItem): string {
  return typeof by === 'string' ? by : belowAuthenticator ? 'consumer' : 'ip'
}

function bothChange({ options: one }: PluginItem, { options: other }: PluginItem): boolean {
  return one['max'] !== other['max'] && one['window'] !== other['window']
}

/** Requests per millisecond; null for what has no window. */
function rateOf({ options: { max, window } }: PluginItem): number | null {
  return typeof max === 'number' && typeof window === 'string' ? max / duration(window) : null
}

function amountOf(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return Number.POSITIVE_INFINITY
  return /[Bb]$/.test(value) ? size(value) : duration(value)
}
