/** The hash that stands for keys: keyed, and blind to nothing that tells keys apart. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyHasher, type Seed } from '../../src/state/key-hash.ts'

const SEED: Seed = [0x1234_5678, -42]
const digest = (key: string, { counter = 'c', seed = SEED } = {}) => {
  const { low, high } = new KeyHasher(seed).of({ counter }, key)
  return `${low} ${high}`
}

test('tells keys apart by every character, by length, by counter and by seed', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (one, other) => {
      fc.pre(one !== other)
      expect(digest(one)).not.toBe(digest(other))
      expect(digest(one, { counter: one })).not.toBe(digest(one, { counter: other }))
      expect(digest(one)).not.toBe(digest(one, { seed: [SEED[0], SEED[1] ^ 1] }))
      expect(digest(one)).not.toBe(digest(`${one}\0`))
      expect(digest(one)).toBe(digest(one))
    }),
  )
})

test('spreads thirty thousand like keys evenly, and no two fall together', () => {
  const hasher = new KeyHasher(SEED)
  const seen = new Set<bigint>()
  const groups = new Uint32Array(256)

  for (let i = 0; i < 30_000; i++) {
    const { low, high } = hasher.of({ counter: 'c' }, `@10.0.${i >> 8}.${i & 255}`)
    seen.add((BigInt(low) << 32n) ^ BigInt(high >>> 0))
    groups[low & 255]!++
  }

  expect(seen.size).toBe(30_000)
  // 117 each; six standard deviations are 65.
  expect(Math.min(...groups)).toBeGreaterThan(52)
  expect(Math.max(...groups)).toBeLessThan(182)
})
