/** What workers are given: how many there are, and their part of bounds. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Config, UpstreamConfig } from '../../src/config/config.ts'
import { shareOf } from '../../src/workers/share.ts'
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
  expect(threadsOf({ ...config, threads: 'auto' }, { cores, platform })).toBe(threads)
  expect(threadsOf({ ...config, threads: 7 }, { cores, platform })).toBe(7)
})

test('the parts of all workers add up to each bound', () => {
  const bound = fc.integer({ min: 0, max: 100_000 })
  fc.assert(
    fc.property(bound, bound, bound, fc.integer({ min: 1, max: 64 }), (connections, max, queue, of) => {
      const whole = { limits: { connections }, upstreams: [{ connections: { max, queue, tunnels: max } }] }
      const shares = Array.from({ length: of }, (_, index) => shareOf(whole as unknown as Config, { index, of }))
      const sum = (read: (share: Config, upstream: UpstreamConfig['connections']) => number) =>
        shares.reduce((total, share) => total + read(share, share.upstreams[0]!.connections), 0)

      expect(sum(({ limits }) => limits.connections)).toBe(connections)
      expect(sum((_, upstream) => upstream.max)).toBe(max)
      expect(sum((_, upstream) => upstream.queue)).toBe(queue)
      expect(sum((_, upstream) => upstream.tunnels)).toBe(max)
    }),
  )
})

test('an upstream that is the same in the next config keeps its part, as the same object', () => {
  const known = new Map<UpstreamConfig, UpstreamConfig>()
  const [kept, gone] = [bounded(1, 8).upstreams[0]!, bounded(1, 9).upstreams[0]!]
  const share = { index: 0, of: 2 }
  const limits = { connections: 1 } as Config['limits']
  const first = shareOf({ limits, upstreams: [kept, gone] }, share, known)

  const second = shareOf({ limits, upstreams: [kept] }, share, known)

  expect(second.upstreams).toHaveLength(1)
  expect(second.upstreams[0]).toBe(first.upstreams[0])
  expect([...known.keys()]).toEqual([kept])
})
