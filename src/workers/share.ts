/** What one of several workers may use of bounds that hold for the whole process. */
import type { Config, UpstreamConfig } from '../config/config.ts'

export interface Share {
  /** From 0. */
  readonly index: number
  readonly of: number
}

/** The config with this worker's part of each bound. The parts of all workers add up to the bound, and never to more. */
export function shareOf<C extends Pick<Config, 'limits' | 'upstreams'>>(config: C, share: Share): C {
  const { limits, upstreams } = config
  return {
    ...config,
    limits: { ...limits, connections: part(limits.connections, share) },
    upstreams: upstreams.map((upstream) => ({ ...upstream, connections: connectionsOf(upstream, share) })),
  }
}

function connectionsOf({ connections }: UpstreamConfig, share: Share): UpstreamConfig['connections'] {
  const { max, queue, tunnels } = connections
  return { ...connections, max: part(max, share), queue: part(queue, share), tunnels: part(tunnels, share) }
}

function part(whole: number, { index, of }: Share): number {
  return Math.floor(whole / of) + (index < whole % of ? 1 : 0)
}
