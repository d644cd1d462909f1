/** Routes of two configs: paired by name, then by equal match, and compared with their effective chains. */
import type { RouteConfig } from '../config/config.ts'
import type { LoadedConfig } from '../config/load.ts'
import { chainText } from './chains.ts'
import type { Change, Detail } from './change.ts'
import type { BothPlugins } from './items.ts'
import { chainDetails } from './route-chain.ts'
import { demandsIdentity, type Plugins } from './traits.ts'
import { changeText, same, valueChanges } from './values.ts'
import { actionText, matchText } from './words.ts'

export interface RoutePair {
  readonly before: RouteConfig
  readonly after: RouteConfig
}

export function routeChanges(before: LoadedConfig, after: LoadedConfig): Change[] {
  const plugins = { before: before.plugins, after: after.plugins }
  const { pairs, removed, added } = pairRoutes(before.config.routes, after.config.routes)
  const shared = new SharedItems()
  shared.of('_none', { before: before.config.plugins, after: after.config.plugins }, plugins)
  for (const pair of pairs) shared.of(pair.after.name, { before: pair.before.chain, after: pair.after.chain }, plugins)
  return [
    ...removed.map((route) => removedRoute(route)),
    ...added.map((route) => addedRoute(route)),
    ...pairs.flatMap((pair) => pairChange(pair, plugins, shared.own(pair.after.name))),
    ...shared.changes,
  ]
}

export function pairRoutes(before: readonly RouteConfig[], after: readonly RouteConfig[]) {
  const named = new Map(after.map((route) => [route.name, route]))
  const pairs: RoutePair[] = []
  const removed = new Set<RouteConfig>()
  for (const route of before) {
    const other = named.get(route.name)
    if (other === undefined) removed.add(route)
    else {
      pairs.push({ before: route, after: other })
      named.delete(route.name)
    }
  }
  const matches = new Map([...named.values()].map((route) => [JSON.stringify(route.match), route]))
  for (const route of removed) {
    const other = matches.get(JSON.stringify(route.match))
    if (other === undefined || !named.delete(other.name)) continue
    pairs.push({ before: route, after: other })
    removed.delete(route)
  }
  return { pairs, removed: [...removed], added: [...named.values()] }
}

function addedRoute(route: RouteConfig): Change {
  const details: Detail[] = [
    { text: `${matchText(route.match)} ${actionText(route.action)}` },
    { text: `chain: ${chainText(route.chain)}` },
    ...(route.public === undefined ? [] : [publicDetail(route.public)]),
  ]
  return { kind: 'added', what: 'route', name: route.name, details }
}

function removedRoute(route: RouteConfig): Change {
  return { kind: 'removed', what: 'route', name: route.name, details: [{ text: `was ${matchText(route.match)}` }] }
}

function publicDetail(reason: string): Detail {
  return { text: `is public: ${reason}`, weakens: 'new-public' }
}

function pairChange({ before, after }: RoutePair, plugins: BothPlugins, items: readonly Detail[]): Change[] {
  const details = [...ownDetails(before, after, plugins), ...items]
  const renamed = before.name !== after.name
  if (!renamed && details.length === 0) return []
  const subject = { what: 'route', name: after.name, details }
  return [renamed ? { kind: 'renamed', from: before.name, ...subject } : { kind: 'changed', ...subject }]
}

function ownDetails(before: RouteConfig, after: RouteConfig, plugins: BothPlugins): Detail[] {
  const { name: _, match, action, chain, public: reason, ...rest } = before
  const { name: __, match: newMatch, action: newAction, chain: newChain, public: newReason, ...other } = after
  const details: Detail[] = []
  if (!same(match, newMatch)) details.push(matchChange(before, after))
  if (!same(action, newAction)) details.push(...actionChange(before, after))
  if (newReason !== undefined && reason === undefined) details.push(publicDetail(newReason))
  else if (newReason === undefined && reason !== undefined) details.push({ text: 'is no longer public' })
  else if (newReason !== reason) details.push({ text: `public for another reason: ${newReason}` })
  const open = isOpen(after, plugins.after)
  if (open && !isOpen(before, plugins.before))
    details.push({ text: 'anybody may use it: no credentials are asked for', weakens: 'weaker-auth' })
  for (const change of valueChanges(rest, other)) {
    const text = changeText(change)
    // What another route guards may be had through this one.
    const opens = change.path === 'aliasing' && change.after === 'allow'
    details.push(opens ? { text, weakens: 'weaker-auth' } : { text })
  }
  return details
}

function matchChange(before: RouteConfig, after: RouteConfig): Detail {
  const text = `matches ${matchText(after.match)} instead of ${matchText(before.match)}`
  const { on: was } = before.match
  const { on: is } = after.match
  const moreListeners = was !== null && (is === null || is.some((name) => !was.includes(name)))
  return moreListeners && after.public !== undefined ? { text, weakens: 'new-public' } : { text }
}

function actionChange(before: RouteConfig, after: RouteConfig): Detail[] {
  const [one, other] = [actionText(before.action), actionText(after.action)]
  if (one !== other) return [{ text: `${other}; before, it ${one}` }]
  return valueChanges(before.action, after.action).map((change) => ({ text: changeText(change) }))
}

/** Nobody has to prove who they are. */
export function isOpen({ chain }: RouteConfig, plugins: Plugins): boolean {
  return !chain.some((item) => demandsIdentity(item, plugins))
}

/** Collects item changes; those that several routes have in common are one change, said once. */
class SharedItems {
  readonly #found = new Map<string, { readonly detail: Detail; readonly place: string; readonly routes: string[] }>()

  of(route: string, chains: Record<'before' | 'after', RouteConfig['chain']>, plugins: BothPlugins): void {
    for (const { detail, place } of chainDetails(chains.before, chains.after, plugins)) {
      const key = JSON.stringify([place, detail.text])
      const found = this.#found.get(key)
      if (found === undefined) this.#found.set(key, { detail, place, routes: [route] })
      else found.routes.push(route)
    }
  }

  own(route: string): Detail[] {
    return [...this.#found.values()]
      .filter(({ routes }) => routes.length === 1 && routes[0] === route)
      .map(({ detail }) => detail)
  }

  get changes(): Change[] {
    const byPlace = new Map<
      string,
      { readonly details: Detail[]; readonly routes: readonly string[]; readonly name: string }
    >()
    for (const { detail, place, routes } of this.#found.values()) {
      if (routes.length === 1 && routes[0] !== '_none') continue
      const key = JSON.stringify([place, routes])
      const group = byPlace.get(key)
      if (group === undefined) byPlace.set(key, { details: [detail], routes, name: place })
      else group.details.push(detail)
    }
    return [...byPlace.values()].map(({ details, routes, name }) => ({
      kind: 'changed',
      what: 'chain',
      name,
      routes,
      details,
    }))
  }
}
