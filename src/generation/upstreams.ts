/** The upstreams of a config, compiled: targets that were there before keep their connections. */
import type { AffinityKey, Config, TargetConfig, UpstreamConfig } from '../config/config.ts'
import { Target, targetKey } from '../upstream/target.ts'
import { Upstream } from '../upstream/upstream.ts'
import type { World } from './compile.ts'

/** By name. Every key that the generation has to release is added to `held`. */
export async function compileUpstreams(
  config: Config,
  world: World,
  held: string[],
): Promise<ReadonlyMap<string, Upstream>> {
  const usesEcho = config.upstreams.some(({ targets }) => targets.some(({ protocol }) => protocol === 'builtin'))
  const echoPort = usesEcho ? await world.echoPort() : 0
  const targetOf = (target: TargetConfig, upstream: UpstreamConfig): Target => {
    const key = `target ${targetKey(target, upstream)}`
    held.push(key)
    const port = target.protocol === 'builtin' ? echoPort : target.port
    const state = world.targetStates.of(upstream.name, target.url)
    const carried = world.carry.acquire(key, () => new Target(target, upstream, { state, port }))
    // A target that was gone from the config, and is back before its last request ended, has a new state.
    carried.state = state
    return carried
  }
  return new Map(config.upstreams.map((upstream) => [upstream.name, new Upstream(upstream, targetOf)]))
}

/** Names of the request headers that decide about upstreams and targets. */
export function hashedHeaders({ upstreams, routes }: Config): string[] {
  const keys: (AffinityKey | null)[] = [
    ...upstreams.map(({ balance }) => (balance.kind === 'hash' ? balance.by : null)),
    ...routes.map(({ action }) => (action.kind === 'forward' ? action.splitBy : null)),
  ]
  return keys.flatMap((key) => (key?.kind === 'header' ? [key.name] : []))
}
