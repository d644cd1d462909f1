/** Two configs compared in words: what changed, what got weaker, and what a reload from one to the other keeps. */
import type { LoadedConfig } from '../config/load.ts'
import type { Interpolation } from '../config/secrets.ts'
import { concealer } from '../config/secrets.ts'
import { concealed } from '../explain/concealed.ts'
import type { Change, Weakening } from './change.ts'
import { weakenings } from './change.ts'
import { exposedRequests } from './exposure.ts'
import { type ReloadEffect, reloadEffect } from './reload.ts'
import { routeChanges } from './routes.ts'
import { settingChanges } from './settings.ts'

export interface Diff {
  readonly changes: readonly Change[]
  /** How many details weaken something, by kind. */
  readonly weakened: Readonly<Record<Weakening, number>>
  readonly reload: ReloadEffect
}

/** Rejects with CompileError where one of the configs would not serve. Secrets are shown as their placeholders. */
export async function diff(before: LoadedConfig, after: LoadedConfig): Promise<Diff> {
  const routes = withDetails(routeChanges(before, after), await exposedRequests(before, after))
  const found = [...routes, ...settingChanges(before.config, after.config)]
  const secrets: Interpolation[] = [...before.interpolated, ...after.interpolated]
  const changes = concealed(found, concealer(secrets))
  return {
    changes,
    weakened: tally(changes),
    reload: concealed(reloadEffect(before.config, after.config), concealer(secrets)),
  }
}

/** What was found about a route in another way, told where the route is told of. */
function withDetails(changes: readonly Change[], more: readonly Change[]): Change[] {
  const isOf = (one: Change, other: Change) => one.what === other.what && (one.from ?? one.name) === other.name
  const told = changes.map((change) => {
    const added = more.filter((one) => isOf(change, one)).flatMap(({ details }) => details)
    return added.length === 0 ? change : { ...change, details: [...change.details, ...added] }
  })
  return [...told, ...more.filter((one) => !changes.some((change) => isOf(change, one)))]
}

function tally(changes: readonly Change[]): Record<Weakening, number> {
  const details = changes.flatMap((change) => change.details)
  const count = (kind: Weakening) => details.filter(({ weakens }) => weakens === kind).length
  return Object.fromEntries(weakenings.map((kind) => [kind, count(kind)])) as Record<Weakening, number>
}
