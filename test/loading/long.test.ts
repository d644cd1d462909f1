import { expect, test } from 'vitest'
import { putLong, takeLong } from '../../src/loading/long.ts'

test('what is long in an answer comes back as it was, in shared memory, from pieces of any length', async () => {
  const answer = () => ({
    name: 'a',
    none: null,
    list: [{ at: Int32Array.of(-1, 7, 2 ** 31 - 1) }, { at: Uint32Array.of(2 ** 32 - 1).subarray(0) }],
    text: Buffer.from('redacted').subarray(2),
    empty: new Uint8Array(),
  })
  const value = answer()
  const long = takeLong(value)
  expect(value).toEqual({ name: 'a', none: null, list: [{ at: null }, { at: null }], text: null, empty: null })
  const told = structuredClone(long.map(({ bytes, ...where }) => ({ ...where, length: bytes.length })))
  const pieces = long.flatMap(({ bytes }) =>
    Array.from({ length: Math.ceil(bytes.length / 5) }, (_, i) => bytes.slice(i * 5, i * 5 + 5)),
  )

  await putLong(value, told, async () => pieces.shift()!)

  expect(pieces).toEqual([])
  const { text, ...rest } = answer()
  expect(value).toEqual({ ...rest, text: Uint8Array.from(text) })
  expect((value.list[0]!.at as Int32Array).buffer).toBeInstanceOf(SharedArrayBuffer)
})
