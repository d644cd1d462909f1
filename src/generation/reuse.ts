/**
 * What the generation that serves has compiled, as far as it holds for the next one too: parts of its config that are the same
 * objects there. 10,000 routes that stay as they are cost a reload next to nothing, and leave nothing to collect.
 */
import type { ChainItem, Config, RouteConfig, UpstreamConfig } from '../config/config.ts'
import { inPieces } from '../pace.ts'
import type { ChainTraits } from '../routing/leaf.ts'
import type { RouteTable } from '../routing/table.ts'
import type { Compiled } from './generation.ts'
import type { CompiledItem } from './items.ts'
import type { Route } from './route.ts'
import type { MadeUpstream, Upstreams } from './upstreams.ts'

export class Reuse {
  #served: Compiled | null
  /** Routes that it has and this config has not. */
  readonly #gone = new Set<RouteConfig>()
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

  item(item: ChainItem): CompiledItem | undefined {
    return this.#sameAround ? this.#served?.items.get(item) : undefined
  }

  /** An upstream with a fallback is made anew: the one that serves must not be given another one. */
  upstream(config: UpstreamConfig): MadeUpstream | undefined {
    const made = this.#sameNames ? this.#served?.upstreams.made.get(config.name) : undefined
    return made?.config === config && config.fallback === null ? made : undefined
  }

  /** With the chain of ours that it had; its items are still to be held. */
  route(config: RouteConfig, upstreams: Upstreams): Route | undefined {
    const route = this.#samePolicy && this.#sameAround ? this.#served?.routes.compiled.get(config) : undefined
    if (route === undefined || route.edge !== null) return undefined
    const { action } = config
    if (action.kind !== 'forward') return route
    const named = [...action.upstreams, ...(action.fallback === null ? [] : [action.fallback])]
    const { made } = this.#served!.upstreams
    return named.every(({ upstream }) => made.get(upstream)?.upstream === upstreams.get(upstream)) ? route : undefined
  }

  /** Made from the one that serves where most of it stays. */
  async table({ routes }: Config, listeners: readonly string[], traits: ChainTraits): Promise<RouteTable | undefined> {
    const { config, table } = this.#served!
    const gone = this.#gone
    const added: RouteConfig[] = []
    await inPieces(config.routes, (route) => gone.add(route))
    await inPieces(routes, (route) => gone.delete(route) || added.push(route))
    if (JSON.stringify(table.listeners) !== JSON.stringify(listeners)) return undefined
    if (gone.size + added.length > config.routes.length / 2) return undefined
    return gone.size + added.length === 0 ? table : table.next({ removed: [...gone], added }, traits)
  }

  /** Takes over what requests have had compiled, of what this config has too; nothing of it is known after. After `table`. */
  async end(next: Pick<Compiled, 'routes' | 'upstreams'>): Promise<void> {
    const served = this.#served!
    await inPieces(served.upstreams.made.keys(), (name) => next.upstreams.has(name) && next.upstreams.get(name))
    await inPieces(served.routes.compiled.keys(), (config) => {
      if (!this.#gone.has(config) && this.route(config, next.upstreams) !== undefined) next.routes.of(config)
    })
    this.#served = null
    this.#gone.clear()
  }
}
