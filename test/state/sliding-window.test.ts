/** What `sliding` promises, in memory: never more than max in any stretch of a window, and no refusal without a reason. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Count } from '../../src/state/counters.ts'
import { MemoryCounters } from '../../src/state/memory-counters.ts'

const WINDOW = 1500
const SLICE = WINDOW / 15

function open({ max = 5, maxKeys = 1000 } = {}) {
  const clock = { now: 5 }
  const store = new MemoryCounters({ now: () => clock.now, maxKeys })
  const limit = { counter: 'c', windowMs: WINDOW, max, algorithm: 'sliding' as const }
  const ask = (method: 'increment' | 'read', key: string, changed = limit): Count => {
    let found: Count | null = null
    store[method](changed, key, (_, count) => {
      found = count
    })
    return found!
  }
  return {
    clock,
    store,
    hit: (key = 'k', newMax = max) => ask('increment', key, { ...limit, max: newMax }),
    read: (key = 'k', newMax = max) => ask('read', key, { ...limit, max: newMax }),
  }
}

/** Milliseconds to wait before each hit. */
const pauses = fc.array(fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 900 })), { maxLength: 200 })

test('admits at most max in any stretch of a window, and refuses only when so many came within a window and a slice', () => {
  fc.assert(
    fc.property(pauses, fc.integer({ min: 1, max: 12 }), (schedule, max) => {
      const { clock, hit, read } = open({ max })
      const admitted: number[] = []

      for (const pause of schedule) {
        clock.now += pause
        const foreseen = read()
        const { current, ttl } = hit()
        expect(foreseen.current).toBe(current)

        const inWindow = admitted.filter((time) => time >= clock.now - WINDOW).length
        const remembered = admitted.filter((time) => time > clock.now - WINDOW - SLICE).length
        if (current <= max) {
          admitted.push(clock.now)
          expect(inWindow).toBeLessThan(max)
        } else {
          expect(remembered).toBeGreaterThanOrEqual(max)
          expect(foreseen.ttl).toBe(ttl)
        }
      }
    }),
    { numRuns: 300 },
  )
})

test('says exactly when a refused hit would be admitted, also when max was lowered meanwhile', () => {
  fc.assert(
    fc.property(pauses, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 5 }), (schedule, max, less) => {
      const { clock, hit, read } = open({ max })
      for (const pause of schedule) {
        clock.now += pause
        hit()
      }
      const lowered = Math.max(1, max - less)

      const { current, ttl } = hit('k', lowered)
      if (current <= lowered) return

      clock.now += ttl - 0.01
      expect(read('k', lowered).current).toBeGreaterThan(lowered)
      clock.now += 0.02
      expect(read('k', lowered).current).toBeLessThanOrEqual(lowered)
    }),
    { numRuns: 300 },
  )
})

test('does not count refused hits: who knocks all the time gets in as often as who waits', () => {
  const { clock, hit } = open({ max: 3 })
  let admitted = 0

  for (let tick = 0; tick < 15 * (WINDOW + SLICE) - SLICE; tick++) {
    clock.now += 1
    if (hit().current <= 3) admitted++
  }

  expect(admitted).toBe(3 * 15)
})

test('lets an even pace of fifteen sixteenths of the limit through without a refusal', () => {
  const { clock, hit } = open({ max: 16 })
  const refused: number[] = []

  for (let i = 0; i < 1000; i++) {
    clock.now += WINDOW / 15
    if (hit().current > 16) refused.push(i)
  }

  expect(refused).toEqual([])
})

test('counts newcomers together while it is full, by the same rule', () => {
  const { clock, hit, store } = open({ max: 3 })
  for (let i = 0; i < 1000; i++) hit(`old-${i}`)

  expect(Array.from({ length: 5 }, (_, i) => hit(`new-${i}`).current)).toEqual([1, 2, 3, 4, 4])
  expect(store.keys).toBe(1000)

  clock.now += WINDOW + 2 * SLICE
  expect(hit('new-9').current).toBe(1)
})
