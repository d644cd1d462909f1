/** What workers are given: how many there are, and their part of bounds. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Config, Limits, UpstreamConfig } from '../../src/config/config.ts'
import { mostThreads } from '../../src/config/threads.ts'
import { shareOfLimits, shareOfUpstream } from '../../src/workers/share.ts'
import { threadsOf } from '../../src/workers/threads.ts'

const bounded = (connections: number, ...max: number[]) =>
  ({
    limits: { connections },
    upstreams: max.map((most) => ({ connections: { max: most, queue: 5, tunnels: 0 } })),
  }) as unknown as Pick<Config, 'limits' | 'upstreams'>

test.for([
  [4, 'linux', bounded(10_000, 256), 4],
  [4, 'linux', bounded(10_000, 256, 3), 3],
  [4, 'linux', bounded(2), 2],
  [4, 'darwin', bounded(10_000), 1],
  [4, 'win32', bounded(10_000), 1],
] as const)('auto on %d cores of %s is as many as can have a part: %j is %d', ([cores, platform, config, threads]) => {
  const outline = { mostThreads: mostThreads(config) } as Config['outline']
  expect(threadsOf({ outline, threads: 'auto' }, { cores, platform })).toBe(threads)
  expect(threadsOf({ outline, threads: 7 }, { cores, platform })).toBe(7)
})

test('the parts of all workers add up to each bound', () => {
  const bound = fc.integer({ min: 0, max: 100_000 })
  fc.assert(
    fc.property(bound, bound, bound, fc.integer({ min: 1, max: 64 }), (connections, max, queue, of) => {
      const limits = { connections } as Limits
      const upstream = { name: 'u', connections: { max, queue, tunnels: max } } as UpstreamConfig
      const shares = Array.from({ length: of }, (_, index) => ({ index, of }))
      const sum = (read: (share: { index: number; of: number }) => number) =>
        shares.reduce((total, share) => total + read(share), 0)

      expect(sum((share) => shareOfLimits(limits, share).connections)).toBe(connections)
      expect(sum((share) => shareOfUpstream(upstream, share).connections.max)).toBe(max)
      expect(sum((share) => shareOfUpstream(upstream, share).connections.queue)).toBe(queue)
      expect(sum((share) => shareOfUpstream(upstream, share).connections.tunnels)).toBe(max)
    }),
  )
})
