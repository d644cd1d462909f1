import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { packTexts, sharedTexts, Texts } from '../../src/config/texts.ts'

test('every text comes out as it went in, in whichever order they are asked for', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.nat({ max: 40_000 }).map((length) => 'ä'.repeat(length)),
  )
  fc.assert(
    fc.property(fc.array(text, { maxLength: 30 }), fc.infiniteStream(fc.nat()), (texts, order) => {
      const read = new Texts(structuredClone(sharedTexts(packTexts(texts))))
      const asked = [...texts.keys(), ...[...order.take(texts.length)].map((number) => number % texts.length)]
      for (const index of asked) expect(read.at(index)).toBe(texts[index])
    }),
    { numRuns: 60 },
  )
})

test('texts of a config take a small part of their length, and memory that is shared is not copied again', () => {
  const texts = Array.from({ length: 2000 }, (_, i) =>
    JSON.stringify({
      name: `r${i}`,
      match: { paths: [{ text: `/api/service${i}/{id}` }] },
      action: { kind: 'forward' },
    }),
  )
  const length = texts.reduce((sum, text) => sum + text.length, 0)

  const packed = sharedTexts(packTexts(texts))

  expect(packed.bytes.length).toBeLessThan(length / 8)
  expect(sharedTexts(packed)).toBe(packed)
})
