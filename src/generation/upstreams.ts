/** The upstreams of a config, compiled: their targets are carried over from the generation before where nothing changed. */
import { hash } from 'node:crypto'
import type { Config, TargetConfig, UpstreamConfig } from '../config/config.ts'
import type { FallbackConfig, RetryReason } from '../config/resilience.ts'
import { Pace } from '../pace.ts'
import type { ResolvedName } from '../upstream/resolved-name.ts'
import { Target, targetKey } from '../upstream/target.ts'
import { type Fallback, Upstream } from '../upstream/upstream.ts'
import { watched } from '../upstream/watched.ts'
import type { World } from './compile.ts'
import { TargetNames } from './names.ts'
import type { Reuse } from './reuse.ts'

/** `keys` is filled from the first upstream on: a compilation that fails half-way has to release them. */
export async function compileUpstreams(
  config: Config,
  world: World,
  { reuse, keys }: { reuse: Reuse | null; keys: Map<UpstreamConfig, readonly string[]> },
): Promise<Map<string, Upstream>> {
  const usesEcho = config.upstreams.some(({ targets }) => targets.some(({ protocol }) => protocol === 'builtin'))
  const echoPort = usesEcho ? await world.echoPort() : 0
  const names = new TargetNames(config, world)
  const upstreams = new Map<string, Upstream>()
  const retried = (upstream: string, reason: RetryReason) => world.retries.series(upstream, reason).inc()
  const pace = new Pace()
  for (const one of config.upstreams) {
    if (pace.isOver) await pace.rest()
    const served = reuse?.upstream(one)
    const held = [...(served?.keys ?? [])]
    keys.set(one, held)
    for (const key of held) world.carry.hold(key)
    const targetOf = (target: TargetConfig) => {
      const key = `target ${hash('sha256', `${targetKey(target, one)} ${names.keyOf(target)}`, 'base64')}`
      const name = names.of(target, held)
      held.push(key)
      return carriedTarget(target, one, { world, key, echoPort, name })
    }
    const upstream = served?.upstream ?? new Upstream(one, targetOf, retried)
    upstreams.set(one.name, upstream)
  }
  for (const upstream of upstreams.values()) upstream.fallback ??= fallbackOf(upstream.config.fallback, upstreams)
  return upstreams
}

function carriedTarget(
  config: TargetConfig,
  upstream: UpstreamConfig,
  { world, key, echoPort, name }: { world: World; key: string; echoPort: number; name: ResolvedName | null },
): Target {
  const port = config.protocol === 'builtin' ? echoPort : config.port
  const state = world.targetStates.of(upstream.name, config.url)
  const target = world.carry.acquire(key, () =>
    watched(new Target(config, upstream, { state, port, name }), upstream, world),
  )
  // A target that was gone from the config, and is back before its last request ended, has a new state.
  target.state = state
  return target
}

export function fallbackOf(config: FallbackConfig | null, upstreams: ReadonlyMap<string, Upstream>): Fallback | null {
  return config === null ? null : { upstream: upstreams.get(config.upstream)!, statuses: config.statuses }
}
