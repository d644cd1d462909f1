/** What workers are given: how many there are, their part of bounds, and the config in slices. */
import { MessageChannel } from 'node:worker_threads'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Config, UpstreamConfig } from '../../src/config/config.ts'
import { receiveConfig, sendConfig } from '../../src/config/config-slices.ts'
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

test('a config arrives as it was sent, with shared chain items still shared', async () => {
  const shared = { kind: 'plugin', id: 'chains.a/x#0' }
  const routes = Array.from({ length: 175 }, (_, i) => ({
    name: `r${i}`,
    chain: i % 3 === 0 ? [] : [shared, { kind: 'any', id: `routes.r${i}/any#0`, members: [] }],
  }))
  const upstreams = [{ name: 'u' }]
  const config = { file: 'f', routes, upstreams, consumers: [], plugins: [shared] } as unknown as Config
  const { port1, port2 } = new MessageChannel()

  const received = await receiveConfig(structuredClone(sendConfig(config, port1)), port2)

  expect(received).toEqual(config)
  expect(Object.isFrozen(received.routes[174]!.chain)).toBe(true)
  const firsts = received.routes.flatMap(({ chain }) => chain.slice(0, 1))
  expect(new Set([...firsts, ...received.plugins]).size).toBe(1)
})
