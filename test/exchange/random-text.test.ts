import { expect, test } from 'vitest'
import { RandomTexts } from '../../src/exchange/random-text.ts'

test('each text has the form of its pattern', () => {
  const texts = new RandomTexts('7rrr-vrrr')
  for (let i = 0; i < 2000; i++) expect(texts.next()).toMatch(/^7[0-9a-f]{3}-[89ab][0-9a-f]{3}$/)
})

test('no two texts are the same, also where one lot follows another', () => {
  const texts = new RandomTexts('r'.repeat(16))
  expect(new Set(Array.from({ length: 2000 }, () => texts.next())).size).toBe(2000)
})

test('every digit comes up at every place', () => {
  const texts = new RandomTexts('rr')
  const seen = [new Set<string>(), new Set<string>()]
  for (let i = 0; i < 2000; i++) {
    const text = texts.next()
    for (const [at, digits] of seen.entries()) digits.add(text[at]!)
  }
  expect(seen.map(({ size }) => size)).toEqual([16, 16])
})
