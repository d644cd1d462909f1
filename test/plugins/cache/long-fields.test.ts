/** What the longest fields that are let in cost a route with a cache: no more than their length. */
import { expect, test } from 'vitest'
import { start } from './setup.ts'

const blanks = ' '.repeat(15_000)

/** Seconds of CPU for sixty requests with the field, no two alike. */
async function secondsFor(name: string, value: string, variants: readonly string[]): Promise<number> {
  await using setup = await start({ head: { 'cache-control': 'max-age=60', vary: 'x-tier' } })
  for (const tier of variants) await setup.raw('GET', `x-tier: ${tier}`)

  const started = process.cpuUsage()
  for (let i = 0; i < 60; i++) expect(await setup.raw('GET', `${name}: ${value}${i}`)).toMatch(/^HTTP\/1.1 200 /)
  return process.cpuUsage(started).user / 1e6
}

// Each request took 0.15 s; a field of Vary as much for each variant that is kept, and there may be 32.
test.for<[what: string, name: string, value: string, variants: string[]]>([
  ['Cache-Control with blanks behind its argument', 'cache-control', `a=${blanks}"`, []],
  ['a field of Vary with blanks that no comma ends', 'x-tier', `a${blanks}b`, ['a']],
  [
    'a field of Vary beside as many variants as are kept',
    'x-tier',
    ','.repeat(15_000),
    Array.from({ length: 32 }, (_, i) => `tier ${i}`),
  ],
])('%s', async ([, name, value, variants]) => {
  expect(await secondsFor(name, value, variants)).toBeLessThan(0.75)
})

test('blanks around the commas of a field of Vary choose the same answer', async () => {
  await using setup = await start({ head: { 'cache-control': 'max-age=60', vary: 'x-tier' } })

  const lists = ['a, b c ,d', 'a,b c,d', 'a ,\tb c , d', 'a,bc,d']
  expect(await setup.ask(...lists.map((tier) => ({ headers: { 'x-tier': tier } })))).toEqual([
    '1 fwd=uri-miss',
    '1 hit',
    '1 hit',
    '2 fwd=vary-miss',
  ])
})
