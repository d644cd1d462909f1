/** The parser against itself, cut anywhere, and against Node's. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compare, VERDICTS } from './differential.ts'
import { damaged, methods, parse, responses } from './responses.ts'

const cutsOf = fc.array(fc.nat(400), { maxLength: 6 }).map((cuts) => cuts.sort((a, b) => a - b))

test('however the bytes are cut, the same is told', () => {
  fc.assert(
    fc.property(fc.oneof(responses, damaged), methods, cutsOf, (bytes, method, cuts) => {
      const inside = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)

      expect(parse(bytes, method, inside)).toEqual(parse(bytes, method))
    }),
    { numRuns: 5_000 },
  )
})

test('byte by byte, the same is told', () => {
  fc.assert(
    fc.property(responses, methods, (bytes, method) => {
      const everywhere = Array.from({ length: bytes.length }, (_, i) => i)

      expect(parse(bytes, method, everywhere)).toEqual(parse(bytes, method))
    }),
    { numRuns: 500 },
  )
})

test("what Node's parser refuses is refused, what both accept is the same, and every greater strictness is known", async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.oneof(responses, damaged), methods, async (bytes, method) => {
      const verdict = await compare(bytes, method)
      seen.add(verdict)

      expect(VERDICTS, bytes.toString('latin1')).toContain(verdict)
    }),
    { numRuns: 3_000 },
  )
  expect(seen.size).toBeGreaterThan(3)
}, 60_000)
