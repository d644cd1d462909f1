import { expect, test } from 'vitest'
import { Carry } from '../../src/generation/carry.ts'

test('objects of a kind are told in the order in which they came, however many there are', () => {
  const carry = new Carry()
  const numbers = Array.from({ length: 500 }, (_, i) => i)
  for (const i of numbers) {
    carry.acquire(`target ${i}`, () => ({ i }))
    carry.acquire(`item ${i}`, () => ({}))
  }
  carry.release('target 0')

  expect(carry.values<{ i: number }>('target ').map(({ i }) => i)).toEqual(numbers.slice(1))
  expect(carry.size).toBe(999)
})

test('an object is closed by the last who lets go of it, and made anew for the next who asks', () => {
  const carry = new Carry()
  const closed: number[] = []
  const acquire = (i: number) => carry.acquire('k', () => ({ i, close: () => closed.push(i) }))

  const first = acquire(1)
  expect(acquire(2)).toBe(first)
  carry.hold('k')
  for (let i = 0; i < 2; i++) carry.release('k')
  expect(closed).toEqual([])
  carry.release('k')

  expect(closed).toEqual([1])
  expect(acquire(3)).toMatchObject({ i: 3 })
  expect(() => carry.release('other')).toThrow('more often')
})
