/** Limits counted in Redis: exact over gateways, like the counters in memory, and within a share a node in an outage. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RedisStore } from '../../src/redis/redis-store.ts'
import type { Algorithm, Limit } from '../../src/state/counters.ts'
import { MemoryCounters } from '../../src/state/memory-counters.ts'
import { startGateway } from '../support/gateway.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { ask, openNode } from './node.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

const algorithms: readonly Algorithm[] = ['fixed', 'sliding']
let fleets = 0

/** Nodes of a fleet that no other test knows. */
async function fleet(size: number, { livesMs = 5000 } = {}): Promise<RedisStore[]> {
  const prefix = `fleet-${++fleets}:`
  const nodes = await Promise.all(
    Array.from({ length: size }, async (_, i) => {
      const { store } = await openNode({ port: redis.port, prefix, name: `node-${i}`, probeEveryMs: 20, livesMs })
      return store
    }),
  )
  await expect.poll(() => nodes.every((node) => node.nodes === size)).toBe(true)
  return nodes
}

/** As the plugin decides under `local`. */
async function isAdmitted({ counters }: RedisStore, limit: Limit): Promise<boolean> {
  const { current } = await ask(counters, limit).catch(() => ask(counters.local, limit))
  return current <= limit.max
}

test.for(algorithms)(
  'admits exactly the limit over two gateways, however the requests come (%s)',
  async (algorithm) => {
    const yaml = `
store: { redis: "${redis.url}", timeout: 5s }
routes:
  a: { match: /a, respond: { status: 200 }, public: test, plugins: [{ rate-limit: { max: 30, window: 1h, algorithm: ${algorithm} } }] }
`
    await redis.client.flushall()
    await using one = await startGateway(yaml)
    await using other = await startGateway(yaml)

    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? one : other).fetch('/a')))

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(30)
    const refused = answers.find(({ status }) => status === 429)!
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3500)
  },
)

test('never admits more than the limit while Redis answers, whichever node is asked', async () => {
  const nodes = await fleet(3)
  let runs = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(2), { maxLength: 25 }),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(...algorithms),
      async (schedule, max, algorithm) => {
        const limit = { counter: `healthy ${runs++}`, windowMs: 60_000, max, algorithm }
        const verdicts = await Promise.all(schedule.map((node) => isAdmitted(nodes[node]!, limit)))
        expect(verdicts.filter(Boolean)).toHaveLength(Math.min(max, schedule.length))
      },
    ),
    { numRuns: 60 },
  )
  for (const node of nodes) node.close()
})

test('never admits more than the limit and one share a node over outages', async () => {
  const full = (bytes: number) => redis.client.config('SET', 'maxmemory', bytes)
  const trouble = {
    // Every connection breaks; each node finds back by itself, the sooner ones while others still count alone.
    cut: () => redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
    down: () => full(1),
    up: () => full(0),
  }
  const step = fc.oneof(
    { weight: 24, arbitrary: fc.nat(2) },
    { weight: 1, arbitrary: fc.constantFrom('cut', 'down', 'up') },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 80, size: 'max' }),
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom(...algorithms),
      async (schedule, max, algorithm) => {
        const nodes = await fleet(3)
        const limit = { counter: 'c', windowMs: 60_000, max, algorithm }
        let admitted = 0
        for (const step of schedule) {
          if (typeof step === 'string') await trouble[step]()
          else if (await isAdmitted(nodes[step]!, limit)) admitted++
        }
        await trouble.up()
        for (const node of nodes) node.close()
        expect(admitted).toBeLessThanOrEqual(max + 3 * Math.max(1, Math.floor(max / 3)))
      },
    ),
    { numRuns: 25 },
  )
})

test.for(algorithms)('says what the counters in memory say (%s)', async (algorithm) => {
  const [node] = await fleet(1)
  const memory = new MemoryCounters()
  const limit = { counter: 'c', windowMs: 60_000, max: 3, algorithm }

  for (const method of ['read', 'increment', 'read', 'increment', 'increment', 'increment', 'read'] as const) {
    const expected = await ask(memory, limit, method)
    const found = await ask(node!.counters, limit, method)
    expect(found.current).toBe(expected.current)
    // Slices begin where each clock says.
    expect(Math.abs(found.ttl - expected.ttl)).toBeLessThan(5000)
  }
  node!.close()
  memory.close()
})

test.for(algorithms)('admits again when it said it would (%s)', async (algorithm) => {
  const [node] = await fleet(1)
  const limit = { counter: 'c', windowMs: 2000, max: 1, algorithm }
  await ask(node!.counters, limit)

  const { current, ttl } = await ask(node!.counters, limit)
  expect(current).toBe(2)
  await new Promise((done) => setTimeout(done, ttl + 2))

  expect((await ask(node!.counters, limit)).current).toBe(1)
  node!.close()
})

test('leaves nothing in Redis that does not end by itself, and no key of a client as it is', async () => {
  const [node] = await fleet(1)
  for (const algorithm of algorithms)
    await ask(node!.counters, { counter: algorithm, windowMs: 1000, max: 1, algorithm })
  node!.close()

  const keys = (await redis.client.keys(`fleet-${fleets}:*`)).filter((key) => !key.endsWith('nodes'))
  expect(keys).not.toEqual([])
  for (const key of keys) {
    expect(key).not.toContain('key')
    expect(await redis.client.pttl(key)).toBeGreaterThan(0)
  }
})

test('counts a node out when it has stopped', async () => {
  const [one, other] = await fleet(2, { livesMs: 200 })

  other!.close()

  await expect.poll(() => one!.nodes).toBe(1)
  one!.close()
})

test('keeps shares small when Redis forgets who lives: nobody takes a fleet for gone', async () => {
  const nodes = await fleet(3)
  let fewest = 3

  await redis.client.flushall()

  const everybodySaidSo = async () => {
    fewest = Math.min(fewest, ...nodes.map((node) => node.nodes))
    return redis.client.zcard(`fleet-${fleets}:nodes`)
  }
  await expect.poll(everybodySaidSo, { interval: 1 }).toBe(3)
  expect(fewest).toBe(3)
  for (const node of nodes) node.close()
})

test('keeps one limit when somebody else has written to its key', async () => {
  const [node] = await fleet(1)
  const limit = { counter: 'c', windowMs: 60_000, max: 1, algorithm: 'fixed' as const }
  await ask(node!.counters, limit)
  const [key] = await redis.client.keys(`fleet-${fleets}:limit*`)
  await redis.client.del(key!)
  await redis.client.lpush(key!, 'x')

  await expect(ask(node!.counters, limit)).rejects.toThrow('WRONGTYPE')

  expect(node!.isUp).toBe(true)
  expect((await ask(node!.counters, { ...limit, counter: 'd' })).current).toBe(1)
  node!.close()
})
