/** Lifetime and age: RFC 9111 §4.2.1 and §4.2.3. */
import { expect, test } from 'vitest'
import { Directives } from '../../../plugins/cache/directives.ts'
import { currentAge, explicitLifetime, type FreshnessFields, initialAge } from '../../../plugins/cache/freshness.ts'

const received = Date.UTC(2026, 0, 1, 12, 0, 0)
const at = (seconds: number) => new Date(received + seconds * 1000).toUTCString()

interface Fields {
  readonly cacheControl?: string
  readonly date?: string
  readonly expires?: string[]
  readonly age?: string
}

function fields({ cacheControl, date, expires, age }: Fields): FreshnessFields {
  return {
    directives: Directives.parse(cacheControl === undefined ? [] : [cacheControl]),
    date: date === undefined ? [] : [date],
    expires: expires ?? [],
    age: age === undefined ? [] : [age],
  }
}

test.for<{ name: string; answer: Fields; seconds: number | null }>([
  {
    name: 's-maxage before all others',
    answer: { cacheControl: 'max-age=9, s-maxage=5', expires: [at(99)] },
    seconds: 5,
  },
  { name: 'max-age before Expires', answer: { cacheControl: 'max-age=9', expires: [at(99)] }, seconds: 9 },
  { name: 'Expires less Date', answer: { date: at(-10), expires: [at(20)] }, seconds: 30 },
  { name: 'Expires less the time of arrival where there is no Date', answer: { expires: [at(20)] }, seconds: 20 },
  {
    name: 'Expires less the time of arrival where Date is none',
    answer: { date: 'now', expires: [at(20)] },
    seconds: 20,
  },
  { name: 'an Expires in the past as expired', answer: { date: at(0), expires: [at(-20)] }, seconds: 0 },
  { name: 'Expires: 0 as expired (§5.3)', answer: { expires: ['0'] }, seconds: 0 },
  { name: 'two Expires lines as expired', answer: { expires: [at(20), at(20)] }, seconds: 0 },
  { name: 'an s-maxage that is no number as expired', answer: { cacheControl: 's-maxage=x, max-age=9' }, seconds: 0 },
  { name: 'nothing as nothing: no heuristics', answer: { date: at(0), cacheControl: 'public' }, seconds: null },
])('takes $name', ({ answer, seconds }) => {
  const times = { requestedAt: received, receivedAt: received }

  expect(explicitLifetime(fields(answer), times)).toBe(seconds === null ? null : seconds * 1000)
})

test.for<{ name: string; answer: Fields; delay?: number; seconds: number }>([
  { name: 'nothing when it was just made', answer: { date: at(0) }, seconds: 0 },
  { name: 'the time since its Date', answer: { date: at(-7) }, seconds: 7 },
  { name: 'nothing less than zero when the origin’s clock is ahead', answer: { date: at(60) }, seconds: 0 },
  { name: 'the Age of caches before us', answer: { date: at(0), age: '30' }, seconds: 30 },
  { name: 'Age and the time the answer took', answer: { date: at(0), age: '30' }, delay: 4, seconds: 34 },
  { name: 'the time the answer took', answer: {}, delay: 4, seconds: 4 },
  { name: 'the greater of Date and Age', answer: { date: at(-50), age: '30' }, seconds: 50 },
  { name: 'the first of a list in Age (§5.1)', answer: { age: '30, 60' }, seconds: 30 },
  { name: 'nothing for an Age that is no number (§5.1)', answer: { age: '-30' }, seconds: 0 },
])('counts as age on arrival $name', ({ answer, delay = 0, seconds }) => {
  const times = { requestedAt: received - delay * 1000, receivedAt: received }

  expect(initialAge(fields(answer), times)).toBe(seconds * 1000)
})

test('counts no age for an answer of this very second: Date has no fractions', () => {
  const times = { requestedAt: received + 900, receivedAt: received + 900 }

  expect(initialAge(fields({ date: at(0) }), times)).toBe(0)
  expect(initialAge(fields({ date: at(-1) }), times)).toBe(1000)
})

test('grows older with time, and no younger when the clock is set back', () => {
  const stored = { receivedAt: received, initialAge: 5000 }

  expect(currentAge(stored, received + 3000)).toBe(8000)
  expect(currentAge(stored, received - 60_000)).toBe(5000)
})
