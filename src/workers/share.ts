/** What one of several workers may use of bounds that hold for the whole process. The parts of all workers add up to the bound, and never to more. */
import type { Limits, UpstreamConfig } from '../config/config.ts'

export interface Share {
  /** From 0. */
  readonly index: number
  readonly of: number
}

export function shareOfLimits(limits: Limits, share: Share): Limits {
  return { ...limits, connections: part(limits.connections, share) }
}

export function shareOfUpstream(upstream: UpstreamConfig, share: Share): UpstreamConfig {
  const { max, queue, tunnels } = upstream.connections
  const connections = { max: part(max, share), queue: part(queue, share), tunnels: part(tunnels, share) }
  return { ...upstream, connections: { ...upstream.connections, ...connections } }
}

function part(whole: number, { index, of }: Share): number {
  return Math.floor(whole / of) + (index < whole % of ? 1 : 0)
}
