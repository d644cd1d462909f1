/** The upstreams of a config, compiled: their targets are carried over from the generation before where nothing changed. */
import type { Config, TargetConfig, UpstreamConfig } from '../config/config.ts'
import type { FallbackConfig, RetryReason } from '../config/resilience.ts'
import { Pace } from '../pace.ts'
import type { ResolvedName } from '../upstream/resolved-name.ts'
import { Target, targetKey } from '../upstream/target.ts'
import { type Fallback, Upstream } from '../upstream/upstream.ts'
import { watched } from '../upstream/watched.ts'
import type { World } from './compile.ts'
import { TargetNames } from './names.ts'

/** By name. The keys of the targets that it holds are added to `held`, for whoever releases them. */
export async function compileUpstreams(config: Config, world: World, held: string[]): Promise<Map<string, Upstream>> {
  const usesEcho = config.upstreams.some(({ targets }) => targets.some(({ protocol }) => protocol === 'builtin'))
  const echoPort = usesEcho ? await world.echoPort() : 0
  const names = new TargetNames(config, world, held)
  const upstreams = new Map<string, Upstream>()
  const pace = new Pace()
  for (const upstream of config.upstreams) {
    if (pace.isOver) await pace.rest()
    const targetOf = (target: TargetConfig) => {
      const key = `target ${targetKey(target, upstream)} ${names.keyOf(target)}`
      held.push(key)
      return carriedTarget(target, upstream, { world, key, echoPort, name: names.of(target) })
    }
    const retried = (reason: RetryReason) => world.retries.series(upstream.name, reason).inc()
    upstreams.set(upstream.name, new Upstream(upstream, targetOf, retried))
  }
  for (const upstream of upstreams.values()) upstream.fallback = fallbackOf(upstream.config.fallback, upstreams)
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
