import { expect, test } from 'vitest'
import { ProbeTally } from '../../src/upstream/health-probe.ts'
import { RetryBudget } from '../../src/upstream/retry-budget.ts'

/** So many requests a second over so many seconds, each of which fails and asks for a retry. */
function retriesOf(share: number, perSecond: number, seconds: number): number {
  const budget = new RetryBudget(share)
  let retries = 0
  for (let i = 0; i < perSecond * seconds; i++) {
    const now = (i / perSecond) * 1000
    budget.request(now)
    if (budget.take(now)) retries++
  }
  return retries
}

test.for([
  [0.2, 1000, 20],
  [0.2, 100, 30],
  [1, 50, 20],
])('a budget of %d at %d requests a second is kept to', ([share, perSecond, seconds]) => {
  const requests = perSecond! * seconds!
  const retries = retriesOf(share!, perSecond!, seconds!)

  expect(retries).toBeLessThanOrEqual(requests * share! + 3 * seconds!)
  expect(retries).toBeGreaterThanOrEqual(requests * share! * 0.95)
})

test('three retries a second are allowed whatever the share', () => {
  expect(retriesOf(0, 10, 10)).toBe(30)
})

test('retries of more than ten seconds ago are forgotten, and so are requests', () => {
  const budget = new RetryBudget(0.5)
  for (let i = 0; i < 100; i++) budget.request(0)
  let taken = 0
  while (budget.take(0)) taken++

  expect(taken).toBe(50)
  expect(budget.take(5000)).toBe(true)
  expect(Array.from({ length: 5 }, () => budget.take(20_000))).toEqual([true, true, true, false, false])
})

// g: a good probe, b: a bad one; the verdict after each.
test.for([
  ['bbb', 'UUD'],
  ['bbgbb', 'UUUUU'],
  ['bbbgg', 'UUDDU'],
  ['bbbgbgg', 'UUDDDDU'],
  ['ggg', 'UUU'],
])('probes %s make the verdicts %s', ([probes, expected]) => {
  const tally = new ProbeTally({ unhealthyAfter: 3, healthyAfter: 2 }, true)

  const verdicts = [...probes!].map((probe) => {
    const before = tally.isUp
    expect(tally.note(probe === 'g')).toBe(tally.isUp !== before)
    return tally.isUp ? 'U' : 'D'
  })

  expect(verdicts.join('')).toBe(expected)
})
