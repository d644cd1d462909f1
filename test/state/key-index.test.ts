/** The index of keys against a Map, over the size at which it is divided. */
import { expect, test } from 'vitest'
import { KeyIndex } from '../../src/state/key-index.ts'

test('finds and forgets as a Map does, before and after it is divided', () => {
  const index = new KeyIndex()
  const model = new Map<string, number>()
  const keys = ['', 'a', '\0', '@10.0.0.1', 'ä€😀', ...Array.from({ length: 30_000 }, (_, i) => `=key:${i * 7}`)]

  for (const [row, key] of keys.entries()) {
    index.set(key, row)
    model.set(key, row)
    if (row % 5 === 0) {
      const gone = keys[row >> 1]!
      index.delete(gone)
      model.delete(gone)
    }
    if (row % 7 === 0) {
      index.set(key, -row)
      model.set(key, -row)
    }
  }

  expect(model.size).toBeGreaterThan(16_384 / 2)
  expect(keys.filter((key) => index.get(key) !== model.get(key))).toEqual([])
  expect(index.get('=key:1')).toBe(undefined)
})
