import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Roll } from '../../src/observe/roll.ts'

test('what is left unmarked is what a set would be left with', () => {
  const name = fc.string({ maxLength: 3, unit: 'binary' })
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 40 }), fc.array(name, { maxLength: 60 }), (names, others) => {
      const roll = new Roll(names)
      for (const other of others) roll.mark(other)

      expect(roll.unmarked).toEqual(new Set(names.filter((one) => !others.includes(one))))
    }),
  )
})
