/** The counter store against a written model, and its bound: what it may forget, what it never forgets. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Count } from '../../src/state/counters.ts'
import { MemoryCounters, type MemoryCountersOptions } from '../../src/state/memory-counters.ts'

const WINDOW = 1000

class Clock {
  now = 5
}

function open(options: MemoryCountersOptions = {}) {
  const clock = new Clock()
  const store = new MemoryCounters({ now: () => clock.now, ...options })
  const ask = (method: 'increment' | 'read', key: string, counter = 'c'): Count => {
    let found: Count | null = null
    const limit = { counter, windowMs: WINDOW, max: 10, algorithm: 'fixed' } as const
    store[method](limit, key, (error, count) => {
      if (error !== null) throw error
      found = count
    })
    if (found === null) throw new Error('the store did not call back at once')
    return found
  }
  return {
    clock,
    store,
    hit: (key: string, counter?: string) => ask('increment', key, counter),
    read: (key: string, counter?: string) => ask('read', key, counter),
  }
}

const schedule = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ key: fc.integer({ min: 0, max: 12 }), counter: fc.constantFrom('a', 'b') }) },
    { weight: 1, arbitrary: fc.record({ pass: fc.integer({ min: 1, max: 700 }) }) },
  ),
  { maxLength: 400 },
)

test('counts every hit of every key exactly, window by window, as the model does', () => {
  fc.assert(
    fc.property(schedule, (steps) => {
      const { clock, hit, read } = open()
      const model = new Map<string, { count: number; end: number }>()

      for (const step of steps) {
        if ('pass' in step) {
          clock.now += step.pass
          continue
        }
        const { counter } = step
        const key = String(step.key)
        const before = model.get(counter + key)
        const running = before !== undefined && before.end > clock.now ? before : { count: 0, end: clock.now + WINDOW }
        running.count++
        model.set(counter + key, running)

        const expected = { current: running.count, ttl: running.end - clock.now }
        expect(read(key, counter)).toEqual(expected)
        expect(hit(key, counter)).toEqual(expected)
      }
    }),
    { numRuns: 200 },
  )
})

test('never admits a key more often than the limit in any of its windows, however full the store is', () => {
  const max = 3
  const floods = fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.record({ key: fc.integer({ min: 0, max: 3000 }) }) },
      { weight: 1, arbitrary: fc.record({ pass: fc.integer({ min: 1, max: 900 }) }) },
    ),
    { minLength: 20, maxLength: 300 },
  )
  fc.assert(
    fc.property(floods, (steps) => {
      const { clock, hit } = full()
      const admitted = new Map<string, number>()

      for (const step of steps) {
        if ('pass' in step) {
          clock.now += step.pass
          continue
        }
        const { current, ttl } = hit(`new-${step.key}`)
        if (current > max) continue
        const window = `${step.key} until ${clock.now + ttl}`
        const count = (admitted.get(window) ?? 0) + 1
        admitted.set(window, count)
        expect(count).toBeLessThanOrEqual(max)
      }
    }),
    { numRuns: 60 },
  )
})

/** A store whose counter `c` holds all the keys it may. */
function full(options: MemoryCountersOptions = {}) {
  const opened = open({ maxKeys: 1000, ...options })
  for (let i = 0; i < 1000; i++) opened.hit(`old-${i}`)
  return opened
}

test('never evicts a running window: a thousand newcomers later every key still has its count', () => {
  const { hit } = full()

  for (let i = 0; i < 1000; i++) hit(`new-${i}`)

  for (let i = 0; i < 1000; i++) expect(hit(`old-${i}`).current).toBe(2)
})

test('counts newcomers together while it is full, so that rotating keys costs the rotator its limit', () => {
  const { hit, store } = full()

  const counts = Array.from({ length: 50 }, (_, i) => hit(`new-${i}`).current)

  expect(counts).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
  expect(store.keys).toBe(1000)
})

test('keeps counting newcomers together until their shared window ends, then gives them places of their own', () => {
  const { clock, hit } = full()
  clock.now += WINDOW - 1
  hit('new-1')
  clock.now += 1

  expect(hit('new-1')).toEqual({ current: 2, ttl: WINDOW - 1 })

  clock.now += WINDOW - 1
  expect(hit('new-1')).toEqual({ current: 1, ttl: WINDOW })
  expect(hit('new-2')).toEqual({ current: 1, ttl: WINDOW })
})

test('says once per shared window that a counter is full', () => {
  const told: string[] = []
  const { clock, hit } = full({ onFull: (counter) => told.push(counter) })

  for (let i = 0; i < 20; i++) hit(`new-${i}`)
  expect(told).toEqual(['c'])

  clock.now += WINDOW
  for (let i = 0; i < 20; i++) hit(`new-${i}`)
  expect(told).toEqual(['c'])
})

test('leaves other counters their places when one counter floods the store', () => {
  const { hit } = full()

  expect(hit('somebody', 'other').current).toBe(1)
  expect(hit('somebody else', 'other').current).toBe(1)
})

test('drops ended windows as newcomers arrive: it never holds many more than are running', () => {
  const { clock, hit, store } = open()

  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 500; i++) hit(`${round}-${i}`)
    clock.now += WINDOW
  }

  expect(store.keys).toBeLessThanOrEqual(1001)
})

test('lets go of ended windows by itself when nobody comes', async () => {
  const { clock, hit, store } = open()
  for (let i = 0; i < 300; i++) hit(`key-${i}`)

  clock.now += WINDOW

  await expect.poll(() => store.keys).toBe(0)
})

test('counts nothing when it only reads', () => {
  const { hit, read, store } = open()

  expect(read('a')).toEqual({ current: 1, ttl: WINDOW })
  expect(store.keys).toBe(0)
  hit('a')
  expect(read('a').current).toBe(2)
  expect(read('a').current).toBe(2)
})

test('never says that a window lasts longer than it does, whatever the clock shows', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.1, max: 1e9, noNaN: true }), (now) => {
      const { clock, hit } = open()
      clock.now = now

      expect(hit('a').ttl).toBeLessThanOrEqual(WINDOW)
    }),
  )
})

test('keeps counters apart whose keys are equal', () => {
  const { hit } = open()

  hit('key', 'one')

  expect(hit('key', 'two').current).toBe(1)
  expect(hit('key', 'one').current).toBe(2)
})
