import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance, someMeant, suggest } from '../../src/config/suggest.ts'

test.for([
  ['upstrem', ['upstream', 'match', 'public'], 'upstream'],
  ['pubilc', ['upstream', 'match', 'public'], 'public'],
  ['jtw', ['jwt', 'cors'], 'jwt'],
  ['cat', ['car', 'can'], undefined],
  ['elephant', ['jwt', 'cors'], undefined],
  ['a', ['b'], 'b'],
  ['ab', ['cd'], undefined],
  ['signed_in', ['signed-in'], 'signed-in'],
] as const)('of %s, %j is clearly meant: %s', ([word, names, meant]) => {
  expect(suggest(word, names)).toBe(meant)
})

test('a name that is there is not a misspelling of another', () => {
  expect(someMeant(['upstream'], ['upstream', 'upstreams'])).toBe(false)
  expect(someMeant(['match', 'upstrem'], ['upstream'])).toBe(true)
})

test('the distance is zero for equal words alone, and the same both ways', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (one, other) => {
      const distance = editDistance(one, other)
      expect(distance === 0).toBe(one === other)
      expect(distance).toBe(editDistance(other, one))
      expect(distance).toBeLessThanOrEqual(Math.max(one.length, other.length))
    }),
  )
})

test('one edit of a long enough word is found again', () => {
  const word = fc.stringMatching(/^[a-z]{3,12}$/)
  fc.assert(
    fc.property(word, fc.nat(), (name, at) => {
      const cut = at % name.length
      const misspelt = name.slice(0, cut) + name.slice(cut + 1)
      fc.pre(misspelt !== name && misspelt !== '')
      expect(suggest(misspelt, [name, '0123456789012345'])).toBe(name)
    }),
  )
})
