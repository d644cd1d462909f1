/** One route, compiled: its chain, its action, and what the table and the proxy need of it. */
import type { ChainItem, PluginItem, RouteAction, RouteConfig } from '../config/config.ts'
import type { LoadedPlugin } from '../config/plugin-catalog.ts'
import type { Exchange, RouteInfo } from '../exchange/exchange.ts'
import type { Traits } from '../plugin.ts'
import type { ForwardPolicy } from '../proxy/forward-policy.ts'
import type { Routable } from '../routing/leaf.ts'
import { Split } from '../upstream/split.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Chain } from './chain.ts'
import type { Edge } from './edge.ts'
import { compileRewrite, type RewrittenTarget } from './rewrite.ts'

export interface Route extends RouteInfo, Routable {
  readonly chain: Chain
  /** Of a chain with foreign packages; null: that of all chains of ours. */
  readonly edge: Edge | null
  readonly policy: ForwardPolicy
  /** Null where the gateway answers itself, and for a split. */
  readonly forwardTo: Upstream | null
  readonly split: Split | null
  /** Path and query as the upstream sees them. */
  readonly rewrite: ((exchange: Exchange) => RewrittenTarget) | null
}

export function compileRoute(
  config: RouteConfig,
  parts: {
    chain: Chain
    edge: Edge | null
    policy: ForwardPolicy
    upstreams: ReadonlyMap<string, Upstream>
    plugins: ReadonlyMap<string, LoadedPlugin>
  },
): Route {
  const { action } = config
  const traitsOf = (item: PluginItem): Traits | null => {
    const loaded = parts.plugins.get(item.plugin.url)
    return loaded?.kind === 'native' ? loaded.module.traits : null
  }
  const template = action.kind === 'forward' ? action.rewrite : undefined
  return {
    name: config.name,
    config,
    chain: parts.chain,
    edge: parts.edge,
    policy: parts.policy,
    upstream: action.kind === 'forward' ? action.upstreams[0]!.upstream : null,
    ...destinationOf(action, parts.upstreams),
    rewrite: template === undefined ? null : compileRewrite(template),
    preflight: config.chain.some((item) => item.kind === 'plugin' && traitsOf(item)?.answers === 'preflight'),
    demands: demandsOf(config, traitsOf),
  }
}

function destinationOf(
  action: RouteAction,
  upstreams: ReadonlyMap<string, Upstream>,
): Pick<Route, 'forwardTo' | 'split'> {
  if (action.kind !== 'forward') return { forwardTo: null, split: null }
  const shares = action.upstreams.map(({ upstream, weight }) => ({ upstream: upstreams.get(upstream)!, weight }))
  return shares.length === 1
    ? { forwardTo: shares[0]!.upstream, split: null }
    : { forwardTo: null, split: new Split(shares, action.splitBy) }
}

const none: ReadonlySet<string> = new Set()

/** What the route demands of a client, comparable between routes: equal items demand the same. */
function demandsOf(config: RouteConfig, traitsOf: (item: PluginItem) => Traits | null): ReadonlySet<string> {
  const demands = new Set<string>()
  for (const item of config.chain) if (isDemand(item, traitsOf)) demands.add(demandKey(item))
  if (config.action.kind === 'respond' && config.action.status >= 400 && config.action.status < 500)
    demands.add('refused')
  return demands.size === 0 ? none : demands
}

function isDemand(item: ChainItem, traitsOf: (item: PluginItem) => Traits | null): boolean {
  if (item.kind === 'any') return !item.optional
  const traits = traitsOf(item)
  if (traits === null || item.mode === 'observe' || item.optional) return false
  return traits.authenticates === true || traits.restricts === true
}

function demandKey(item: ChainItem): string {
  return item.kind === 'any'
    ? JSON.stringify(item.members.map(demandKey))
    : JSON.stringify([item.plugin.url, item.options])
}
