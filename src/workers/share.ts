/** What one of several workers may use of bounds that hold for the whole process. */
import type { Config, UpstreamConfig } from '../config/config.ts'

export interface Share {
  /** From 0. */
  readonly index: number
  readonly of: number
}

/**
 * The config with this worker's part of each bound. The parts of all workers add up to the bound, and never to more. `known`
 * are upstreams with their part already; those of this config are left there, and no others.
 */
export function shareOf<C extends Pick<Config, 'limits' | 'upstreams'>>(
  config: C,
  share: Share,
  known = new Map<UpstreamConfig, UpstreamConfig>(),
): C {
  const { limits, upstreams } = config
  const parted = upstreams.map((one) => known.get(one) ?? { ...one, connections: connectionsOf(one, share) })
  known.clear()
  for (const [i, one] of upstreams.entries()) known.set(one, parted[i]!)
  return { ...config, limits: { ...limits, connections: part(limits.connections, share) }, upstreams: parted }
}

function connectionsOf({ connections }: UpstreamConfig, share: Share): UpstreamConfig['connections'] {
  const { max, queue, tunnels } = connections
  return { ...connections, max: part(max, share), queue: part(queue, share), tunnels: part(tunnels, share) }
}

function part(whole: number, { index, of }: Share): number {
  return Math.floor(whole / of) + (index < whole % of ? 1 : 0)
}
