/** One route, compiled: its chain, its action, and what the proxy needs of it. */
import type { RouteAction, RouteConfig } from '../config/config.ts'
import type { Exchange, RouteInfo } from '../exchange/exchange.ts'
import type { ForwardPolicy } from '../proxy/forward-policy.ts'
import { Split } from '../upstream/split.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Chain } from './chain.ts'
import type { CompiledChain } from './chains.ts'
import type { Edge } from './edge.ts'
import { compileRewrite, type RewrittenTarget } from './rewrite.ts'
import type { Upstreams } from './upstreams.ts'

export interface Route extends RouteInfo {
  readonly config: RouteConfig
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

export function compileRoute(config: RouteConfig, chain: CompiledChain, upstreams: Upstreams): Route {
  const { action } = config
  const template = action.kind === 'forward' ? action.rewrite : undefined
  return {
    name: config.name,
    config,
    ...chain,
    upstream: action.kind === 'forward' ? action.upstreams[0]!.upstream : null,
    ...destinationOf(action, upstreams),
    rewrite: template === undefined ? null : compileRewrite(template),
  }
}

function destinationOf(action: RouteAction, upstreams: Upstreams): Pick<Route, 'forwardTo' | 'split'> {
  if (action.kind !== 'forward') return { forwardTo: null, split: null }
  const shares = action.upstreams.map(({ upstream, weight }) => ({ upstream: upstreams.get(upstream), weight }))
  return shares.length === 1
    ? { forwardTo: shares[0]!.upstream, split: null }
    : { forwardTo: null, split: new Split(shares, action.splitBy) }
}
