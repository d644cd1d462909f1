/** The upstreams of a generation: their targets are carried over from the generation before where nothing changed. */
import { hash } from 'node:crypto'
import type { Config, TargetConfig, UpstreamConfig } from '../config/config.ts'
import type { FallbackConfig, RetryReason } from '../config/resilience.ts'
import { isUnread, whole } from '../config/unread.ts'
import { Pace } from '../pace.ts'
import type { ResolvedName } from '../upstream/resolved-name.ts'
import { Target, targetKey } from '../upstream/target.ts'
import { type Fallback, Upstream } from '../upstream/upstream.ts'
import { watched } from '../upstream/watched.ts'
import type { World } from './compile.ts'
import { TargetNames } from './names.ts'
import type { Reuse } from './reuse.ts'

export interface MadeUpstream {
  readonly config: UpstreamConfig
  readonly upstream: Upstream
  /** Of what it holds in the carry. */
  readonly keys: readonly string[]
}

export class Upstreams {
  readonly #world: World
  readonly #reuse: Reuse | null
  readonly #names: TargetNames
  readonly #retried: (upstream: string, reason: RetryReason) => void
  readonly #configs = new Map<string, UpstreamConfig>()
  readonly #made = new Map<string, MadeUpstream>()
  #echoPort = 0
  #serves = false

  constructor(config: Config, world: World, reuse: Reuse | null) {
    this.#world = world
    this.#reuse = reuse
    this.#names = new TargetNames(config, world)
    this.#retried = (upstream, reason) => world.retries.series(upstream, reason).inc()
  }

  /** Makes those that do not wait to be asked for. */
  async prepare({ upstreams, outline }: Config): Promise<void> {
    this.#echoPort = outline.usesEcho ? await this.#world.echoPort() : 0
    const pace = new Pace()
    for (const one of upstreams) {
      this.#configs.set(one.name, one)
      if (pace.isOver) await pace.rest()
    }
    for (const one of upstreams) {
      if (!isUnread(one)) this.get(one.name)
      if (pace.isOver) await pace.rest()
    }
  }

  has(name: string): boolean {
    return this.#configs.has(name)
  }

  /** The upstream of that name, made when it is first asked for. */
  get(name: string): Upstream {
    return this.#made.get(name)?.upstream ?? this.#make(this.#configs.get(name)!)
  }

  get made(): ReadonlyMap<string, MadeUpstream> {
    return this.#made
  }

  /** They serve from now on. `before`: those that did until now, some of which may be the same. */
  takeOver(before: Upstreams | null): void {
    this.#serves = true
    for (const [name, { upstream }] of this.#made) {
      if (upstream !== before?.made.get(name)?.upstream) upstream.takeOver()
    }
  }

  #make(config: UpstreamConfig): Upstream {
    const { carry } = this.#world
    const served = this.#reuse?.upstream(config)
    for (const key of served?.keys ?? []) carry.hold(key)
    const keys = [...(served?.keys ?? [])]
    const said = whole(config)
    const targetOf = (target: TargetConfig) => this.#targetOf(target, said, keys)
    const upstream = served?.upstream ?? new Upstream(said, targetOf, this.#retried)
    this.#made.set(config.name, { config, upstream, keys })
    // Two may stand in for each other.
    upstream.fallback ??= fallbackOf(said.fallback, this)
    if (this.#serves && served === undefined) upstream.takeOver()
    return upstream
  }

  /** The key that is to be released is added to `held`. */
  #targetOf(target: TargetConfig, upstream: UpstreamConfig, held: string[]): Target {
    const key = `target ${hash('sha256', `${targetKey(target, upstream)} ${this.#names.keyOf(target)}`, 'base64')}`
    const name = this.#names.of(target, held)
    held.push(key)
    return this.#carried(target, upstream, { key, name })
  }

  #carried(
    config: TargetConfig,
    upstream: UpstreamConfig,
    { key, name }: { key: string; name: ResolvedName | null },
  ): Target {
    const { carry, targetStates } = this.#world
    const port = config.protocol === 'builtin' ? this.#echoPort : config.port
    const state = targetStates.of(upstream.name, config.url)
    const target = carry.acquire(key, () =>
      watched(new Target(config, upstream, { state, port, name }), upstream, this.#world),
    )
    // A target that was gone from the config, and is back before its last request ended, has a new state.
    target.state = state
    return target
  }
}

export function fallbackOf(config: FallbackConfig | null, upstreams: Upstreams): Fallback | null {
  return config === null ? null : { upstream: upstreams.get(config.upstream), statuses: config.statuses }
}
