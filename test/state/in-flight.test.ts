/** Places of requests in flight, against a written model. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryInFlight } from '../../src/state/memory-in-flight.ts'

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ key: fc.integer({ min: 0, max: 3 }), counter: fc.constantFrom('a', 'b') }) },
  { weight: 2, arbitrary: fc.record({ leave: fc.nat() }) },
)

test('takes places up to max by counter and key, gives each back once, and keeps nothing of the empty', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 4 }), (steps, max) => {
      const store = new MemoryInFlight()
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

      expect(store.keys).toBe(new Set(held.map(({ name }) => name)).size)
      for (const { place } of held) store.release(place)
      expect(store.keys).toBe(0)
    }),
  )
})

test('refuses to give back what nobody holds', () => {
  const store = new MemoryInFlight()
  const place = store.acquire({ counter: 'c', max: 1 }, 'k')
  store.release(place)

  expect(() => store.release(place)).toThrow('more often than acquired')
})
