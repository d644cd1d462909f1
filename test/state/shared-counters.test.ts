/** Counters in shared memory: the same as those of one thread, and exact under real threads. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Algorithm, Count, CounterStore, Limit } from '../../src/state/counters.ts'
import { MemoryCounters } from '../../src/state/memory-counters.ts'
import { SharedCounters } from '../../src/state/shared-counters.ts'
import { SharedTable } from '../../src/state/shared-table.ts'
import type { Hit } from './hammer.ts'
import { report } from './threads.ts'

const WINDOW = 1500
const algorithms: readonly Algorithm[] = ['fixed', 'sliding']

function ask(store: CounterStore, method: 'increment' | 'read', limit: Limit, key: string): Count {
  let found: Count | null = null
  store[method](limit, key, (_, count) => {
    found = count
  })
  return found!
}

const schedule = fc.array(
  fc.record({
    pass: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 1700 })),
    key: fc.integer({ min: 0, max: 9 }),
    counter: fc.constantFrom('a', 'b'),
    algorithm: fc.constantFrom(...algorithms),
    max: fc.integer({ min: 1, max: 4 }),
  }),
  { maxLength: 300 },
)

test('counts as the counters of one thread do, hit by hit', () => {
  fc.assert(
    fc.property(schedule, (steps) => {
      let now = 5
      const memory = new MemoryCounters({ now: () => now })
      const shared = new SharedCounters(SharedCounters.allocate({ fixed: 128, sliding: 128 }), { now: () => now })

      for (const { pass, key, counter, algorithm, max } of steps) {
        now += pass
        const limit = { counter: `${counter} ${algorithm}`, windowMs: WINDOW, max, algorithm }
        expect(ask(shared, 'read', limit, String(key))).toEqual(ask(memory, 'read', limit, String(key)))
        expect(ask(shared, 'increment', limit, String(key))).toEqual(ask(memory, 'increment', limit, String(key)))
      }
      memory.close()
    }),
    { numRuns: 60 },
  )
})

describe('when a group of slots is full', () => {
  function full(algorithm: Algorithm) {
    const told: string[] = []
    const clock = { now: 5 }
    const handle = SharedCounters.allocate({ fixed: 64, sliding: 64 })
    const store = new SharedCounters(handle, { now: () => clock.now, onFull: (counter) => told.push(counter) })
    const hit = (key: string, counter = 'c') =>
      ask(store, 'increment', { counter, windowMs: WINDOW, max: 3, algorithm }, key).current
    for (let i = 0; i < 56; i++) expect(hit(`old-${i}`)).toBe(1)
    return { told, clock, hit }
  }

  test.for(algorithms)('%s counts the newcomers of a counter together and says so once', (algorithm) => {
    const { hit, told } = full(algorithm)

    expect([1, 2, 3, 4].map((i) => hit(`new-${i}`))).toEqual([1, 2, 3, 4])

    expect(told).toEqual(['c'])
    for (let i = 0; i < 56; i++) expect(hit(`old-${i}`)).toBe(2)
  })

  test.for(algorithms)('%s leaves room for other counters', (algorithm) => {
    const { hit } = full(algorithm)

    for (let i = 0; i < 8; i++) expect(hit(`other-${i}`, 'other')).toBe(1)
  })

  test.for(algorithms)('%s gives newcomers slots of their own when what they share has ended', (algorithm) => {
    const { clock, hit } = full(algorithm)
    hit('new-1')
    hit('new-2')

    clock.now += 2 * WINDOW

    expect(hit('new-1')).toBe(1)
    expect(hit('new-2')).toBe(1)
    expect(hit('new-1')).toBe(2)
  })

  test('counts stay exact while a hundred thousand other keys come and go', () => {
    const clock = { now: 5 }
    const store = new SharedCounters(SharedCounters.allocate({ fixed: 4096 }), { now: () => clock.now })
    const limit = { counter: 'c', windowMs: 1_000_000, max: 9, algorithm: 'fixed' } as const
    const passing = { ...limit, counter: 'd', windowMs: 10 }

    let mistaken = 0
    for (let i = 0; i < 100_000; i++) {
      if (i % 100 === 0) clock.now += 1
      if (ask(store, 'increment', passing, `passing-${i}`).current !== 1) mistaken++
      if (i % 1000 === 0) for (let k = 0; k < 20; k++) ask(store, 'increment', limit, `staying-${k}`)
    }

    expect(mistaken).toBe(0)
    for (let k = 0; k < 20; k++) expect(ask(store, 'read', limit, `staying-${k}`).current).toBe(101)
  })
})

describe('under threads', () => {
  async function hits(algorithm: Algorithm, { max, windowMs, step }: { max: number; windowMs: number; step: number }) {
    const handle = SharedCounters.allocate({ fixed: 1024, sliding: 1024 })
    const clock = new Int32Array(new SharedArrayBuffer(4))
    clock[0] = 1
    const limit = { counter: 'c', windowMs, max, algorithm }
    const job = { kind: 'hits' as const, handle, limit, keys: ['a', 'b', 'c'], hits: 6000, clock, step }
    return (await Promise.all([1, 2, 3].map(() => report<Hit[]>(job)))).flat()
  }

  test.for(algorithms)('%s admits exactly max, whoever asks', async (algorithm) => {
    const found = await hits(algorithm, { max: 1000, windowMs: 3_600_000, step: 0 })

    for (const key of [0, 1, 2]) {
      const admitted = found.filter(([of, current]) => of === key && current <= 1000).map(([, current]) => current)
      expect(admitted.sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1))
    }
  })

  test('loses no hit where windows turn', async () => {
    const found = await hits('fixed', { max: 10, windowMs: 7, step: 1 })

    const windows = Map.groupBy(found, ([key, , , end]) => `${key} until ${end}`)
    expect(windows.size).toBeGreaterThan(100)
    for (const inWindow of windows.values()) {
      const counts = inWindow.map(([, current]) => current).sort((a, b) => a - b)
      expect(counts).toEqual(Array.from({ length: counts.length }, (_, i) => i + 1))
    }
  })

  test('never admits more than max in any stretch of a sliding window', async () => {
    const found = await hits('sliding', { max: 20, windowMs: 150, step: 1 })

    for (const key of [0, 1, 2]) {
      const times = found.filter(([of, current]) => of === key && current <= 20).map(([, , at]) => at)
      times.sort((a, b) => a - b)
      expect(times.length).toBeGreaterThan(40)
      for (let i = 20; i < times.length; i++) expect(times[i]! - times[i - 20]!).toBeGreaterThan(150)
    }
  })
})

test('takes a lock from a thread that died with it', () => {
  const handle = SharedTable.allocate(64)
  const rows = { isOver: () => true, clear: () => {} }
  const dead = new SharedTable(handle, rows)
  const alive = new SharedTable(handle, rows)
  const hash = { low: 1, high: 2, counter: 3 }
  dead.lock(hash)

  const lock = alive.lock(hash)
  expect(alive.claim(hash, 0)).toBeGreaterThanOrEqual(0)
  alive.unlock(lock)

  const started = performance.now()
  alive.unlock(alive.lock(hash))
  // Nor is it waited for as long as for a dead thread, which is a second.
  expect(performance.now() - started).toBeLessThan(900)
})
