/**
 * What the generation that serves has compiled, as far as it holds for the next one too: parts of its config that are the same
 * objects there. 10,000 routes that stay as they are cost a reload next to nothing, and leave nothing to collect.
 */
import type { ChainItem, Config, RouteConfig, UpstreamConfig } from '../config/config.ts'
import { inPieces } from '../pace.ts'
import type { RouteTable } from '../routing/table.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Compiled } from './generation.ts'
import type { CompiledItem } from './items.ts'
import type { Route } from './route.ts'

interface HeldUpstream {
  readonly upstream: Upstream
  /** Of what it holds in the carry. */
  readonly keys: readonly string[]
}

export class Reuse {
  readonly #served: Compiled
  readonly #routes = new Map<RouteConfig, Route>()
  /** Plugins find around them what they found then. */
  readonly #sameAround: boolean
  readonly #sameNames: boolean
  readonly #samePolicy: boolean

  /** `around`: digest of the surroundings of plugins. */
  constructor(served: Compiled, config: Config, around: string) {
    this.#served = served
    const { name, dns, limits } = served.config
    this.#sameAround = served.around === around
    this.#sameNames = JSON.stringify(dns) === JSON.stringify(config.dns)
    this.#samePolicy = name === config.name && limits.bodyIdleMs === config.limits.bodyIdleMs
  }

  /** Before the first question about routes. */
  async prepare(): Promise<void> {
    await inPieces(this.#served.routes, (route) => this.#routes.set(route.config, route))
  }

  item(item: ChainItem): CompiledItem | undefined {
    return this.#sameAround ? this.#served.items.get(item) : undefined
  }

  /** An upstream with a fallback is made anew: the one that serves must not be given another one. */
  upstream(config: UpstreamConfig): HeldUpstream | undefined {
    const upstream = this.#served.upstreams.get(config.name)
    if (!this.#sameNames || upstream?.config !== config || config.fallback !== null) return undefined
    return { upstream, keys: this.#served.upstreamKeys.get(config)! }
  }

  /** With the chain of ours that it had; its items are still to be held. */
  route(config: RouteConfig, upstreams: ReadonlyMap<string, Upstream>): Route | undefined {
    const route = this.#samePolicy && this.#sameAround ? this.#routes.get(config) : undefined
    if (route === undefined || route.edge !== null) return undefined
    const { action } = config
    if (action.kind !== 'forward') return route
    const named = [...action.upstreams, ...(action.fallback === null ? [] : [action.fallback])]
    return named.every(({ upstream }) => this.#served.upstreams.get(upstream) === upstreams.get(upstream))
      ? route
      : undefined
  }

  /** Made from the one that serves where most of it stays. */
  async table(routes: readonly Route[], listeners: readonly string[]): Promise<RouteTable<Route> | undefined> {
    const { routes: known, table } = this.#served
    if (JSON.stringify(table.listeners) !== JSON.stringify(listeners)) return undefined
    const left = new Set<Route>()
    const added: Route[] = []
    await inPieces(known, (route) => left.add(route))
    await inPieces(routes, (route) => left.delete(route) || added.push(route))
    if (left.size + added.length > known.length / 2) return undefined
    return left.size + added.length === 0 ? table : table.next({ removed: [...left], added })
  }
}
