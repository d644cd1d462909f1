import { expect, test } from 'vitest'
import { composeHead } from '../../src/exchange/answer-head.ts'

test('a value that is no text is made one once, and that is what is looked at and written', () => {
  let asked = 0
  const twofold = { toString: () => (asked++ === 0 ? 'good' : 'bad\r\nx-b: 1') }
  const textOf = (value: unknown) =>
    composeHead({
      status: 200,
      reason: 'OK',
      fields: ['x-a', value as string],
      parsed: [],
      bodiless: true,
      keepAliveMs: 0,
    })?.text

  expect(textOf(twofold)).toContain('\r\nx-a: good\r\n')
  expect(textOf(twofold)).toBe(undefined)
})
