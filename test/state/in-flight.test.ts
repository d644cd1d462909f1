/** Places of requests in flight, against a written model. */
import { once } from 'node:events'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { MemoryInFlight } from '../../src/state/memory-in-flight.ts'
import { SharedCounters } from '../../src/state/shared-counters.ts'
import { SharedInFlight } from '../../src/state/shared-in-flight.ts'
import { report, startThread } from './threads.ts'

/** On a machine with other work. */
const soon = { timeout: 60_000 }

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ key: fc.integer({ min: 0, max: 3 }), counter: fc.constantFrom('a', 'b') }) },
  { weight: 2, arbitrary: fc.record({ leave: fc.nat() }) },
)

test.for([
  ['of one thread', () => new MemoryInFlight()],
  ['of several', () => new SharedInFlight(SharedInFlight.allocate(2, 64), 1)],
] as const)('takes places up to max by counter and key, and gives each back once: %s', ([, open]) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 4 }), (steps, max) => {
      const store = open()
      const held: { readonly name: string; readonly place: number }[] = []

      for (const one of steps) {
        if ('leave' in one) {
          if (held.length > 0) store.release(held.splice(one.leave % held.length, 1)[0]!.place)
          continue
        }
        const limit = { counter: one.counter, max }
        const name = `${one.counter}${one.key}`
        const taken = held.filter((other) => other.name === name).length
        expect(store.read(limit, String(one.key))).toBe(taken)
        const place = store.acquire(limit, String(one.key))
        expect(place >= 0).toBe(taken < max)
        if (place >= 0) held.push({ name, place })
      }

      for (const { place } of held) store.release(place)
      for (const key of ['0', '1', '2', '3']) expect(store.read({ counter: 'a', max }, key)).toBe(0)
    }),
  )
})

test('keeps nothing of keys with nothing in flight', () => {
  const store = new MemoryInFlight()
  const places = ['a', 'b', 'b'].map((key) => store.acquire({ counter: 'c', max: 9 }, key))
  expect(store.keys).toBe(2)

  for (const place of places) store.release(place)

  expect(store.keys).toBe(0)
})

test('refuses to give back what nobody holds', () => {
  const store = new MemoryInFlight()
  const place = store.acquire({ counter: 'c', max: 1 }, 'k')
  store.release(place)

  expect(() => store.release(place)).toThrow('more often than acquired')
})

describe('under threads', () => {
  test('never lets more in than max, and is empty when all have left', async () => {
    const handle = SharedInFlight.allocate(3, 1024)
    const inside = new Int32Array(new SharedArrayBuffer(4))
    const limit = { counter: 'c', max: 5 }
    const job = { kind: 'places' as const, handle, limit, rounds: 8000, inside }

    const told = await Promise.all(
      [0, 1, 2].map((thread) => report<{ most: number; admitted: number }>({ ...job, thread })),
    )

    expect(Math.max(...told.map(({ most }) => most))).toBe(5)
    expect(told.reduce((sum, { admitted }) => sum + admitted, 0)).toBeGreaterThan(1000)
    expect(new SharedInFlight(handle, 0).read(limit, 'key')).toBe(0)
  })

  test('lets go of what a thread held that was killed, and counts on', async () => {
    const counters = SharedCounters.allocate({ fixed: 1024, sliding: 1024 })
    const places = SharedInFlight.allocate(2, 1024)
    const mine = new SharedInFlight(places, 0)
    const limit = { counter: 'c', max: 1_000_000_000 }
    const counted = { counter: 'c', windowMs: 3_600_000, max: 5, algorithm: 'sliding' } as const
    const shared = new SharedCounters(counters)
    for (let i = 0; i < 2; i++) {
      const thread = startThread({ kind: 'endless', counters, places })
      await once(thread, 'message')
      await vi.waitFor(() => expect(mine.read(limit, 'k99')).toBeGreaterThan(0), soon)
      // The last key's count is full: so is every other's.
      await vi.waitFor(() => shared.read(counted, 'k99', (_, count) => expect(count!.current).toBe(6)), soon)

      await thread.terminate()

      expect(mine.read(limit, 'k1')).toBeGreaterThan(0)
      SharedInFlight.clear(places, 1)
      for (let key = 0; key < 100; key++) {
        expect(mine.read(limit, `k${key}`)).toBe(0)
        shared.increment(counted, `k${key}`, (_, count) => expect(count!.current).toBe(6))
      }
    }
  })
})

test('refuses a key for which there is no room', () => {
  const store = new SharedInFlight(SharedInFlight.allocate(1, 64), 0)
  const places = Array.from({ length: 56 }, (_, i) => store.acquire({ counter: 'c', max: 1 }, `k${i}`))

  expect(Math.min(...places)).toBeGreaterThanOrEqual(0)
  expect(store.acquire({ counter: 'c', max: 1 }, 'one more')).toBe(-1)
  store.release(places[7]!)
  expect(store.acquire({ counter: 'c', max: 1 }, 'one more')).toBeGreaterThanOrEqual(0)
})
