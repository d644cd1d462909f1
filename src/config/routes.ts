/** `routes`: each read on its own, then compared with the others. */

import { chainItems } from './chain-entry.ts'
import { checkChain, checkSplit } from './chain-rules.ts'
import type { Chains } from './chains.ts'
import type { ListenerConfig, RouteConfig } from './config.ts'
import { reportConflicts } from './conflicts.ts'
import type { RawRoute } from './raw.ts'
import { namedEntries, type Reading } from './reading.ts'
import { readAction } from './route-action.ts'
import { readMatch } from './route-match.ts'
import { reportShadowed } from './shadows.ts'
import type { Upstreams } from './upstreams.ts'

export interface RouteParts {
  readonly chains: Chains
  readonly upstreams: Upstreams
  readonly listeners: readonly ListenerConfig[]
}

/** The routes that can be made; whatever stands in the way of the others is reported. */
export function readRoutes(reading: Reading, { chains, upstreams, listeners }: RouteParts): RouteConfig[] {
  const names = listeners.map((listener) => listener.name)
  const routes: RouteConfig[] = []
  for (const [name, raw] of namedEntries(reading, ['routes'], reading.data.routes)) {
    const route = readRoute(reading, { name, raw, chains, upstreams, listeners })
    if (route !== null) routes.push(route)
  }
  reportConflicts(reading, routes, names)
  reportShadowed(reading, routes, names)
  return routes
}

interface RouteSource extends RouteParts {
  readonly name: string
  readonly raw: RawRoute
}

function readRoute(reading: Reading, { name, raw, chains, upstreams, listeners }: RouteSource): RouteConfig | null {
  const { document, findings } = reading
  if (name === '_none') {
    findings.error('bad-name', document.keyPlace(['routes', name]), '"_none" names the requests that match no route')
  }
  const match = readMatch(reading, name, raw)
  const action = readAction(reading, { name, raw, match, upstreams })
  const entries = chains.ofRoute(name, raw.without ?? [])
  const own = listeners.filter((listener) => match?.on?.includes(listener.name) ?? true)
  checkChain(reading, {
    name,
    chain: entries,
    listeners: own.map((listener) => listener.name),
    silent: own.filter(({ clientCa }) => clientCa === undefined).map((listener) => listener.name),
    public: raw.public,
  })
  checkSplit(reading, { name, action, chain: entries })
  if (raw.aliasing === 'allow') {
    const message = 'paths that an upstream may read as those of another route are let through'
    findings.warning('aliasing-allowed', document.keyPlace(['routes', name, 'aliasing']), message)
  }
  if (match === null) return null
  return {
    name,
    match,
    action: action ?? nothing,
    chain: entries.some(({ items }) => items.length === 0) ? [] : chainItems(entries),
    public: raw.public,
    slashes: raw.slashes ?? 'merge',
    encodedSlash: raw.encodedSlash ?? 'refuse',
    aliasing: raw.aliasing ?? 'refuse',
    fallthrough: raw.fallthrough ?? false,
  }
}

/** Of a route whose action was reported: it takes part in comparisons, and the config is refused. */
const nothing = { kind: 'respond', status: 500, headers: [], body: '' } as const
