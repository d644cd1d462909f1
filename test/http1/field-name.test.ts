import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fieldName } from '../../src/http1/field-name.ts'

test('a name is what its bytes say, whatever names share its slot', () => {
  const names = fc.array(fc.tuple(fc.stringMatching(/^[A-Za-z-]{1,70}$/), fc.integer({ min: 0, max: 3 })))
  fc.assert(
    fc.property(names, (all) => {
      for (const [name, hash] of all) {
        const buffer = Buffer.from(`..${name}:`)
        expect(fieldName(buffer, { from: 2, to: 2 + name.length, hash })).toBe(name)
      }
    }),
  )
})
