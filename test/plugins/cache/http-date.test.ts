/** The three forms of RFC 9110 §5.6.7, and nothing else. */
import { expect, test } from 'vitest'
import { httpDate } from '../../../plugins/cache/http-date.ts'

const now = Date.UTC(2026, 0, 1)
const expected = Date.UTC(1994, 10, 6, 8, 49, 37)

test.for<[text: string, date: number | null]>([
  ['Sun, 06 Nov 1994 08:49:37 GMT', expected],
  ['Sunday, 06-Nov-94 08:49:37 GMT', expected],
  ['Sun Nov  6 08:49:37 1994', expected],
  ['Sunday, 06-Nov-76 08:49:37 GMT', Date.UTC(2076, 10, 6, 8, 49, 37)],
  ['Sunday, 06-Nov-77 08:49:37 GMT', Date.UTC(1977, 10, 6, 8, 49, 37)],
  ['Sun, 06 Nov 1994 08:49:37 UTC', null],
  ['Sun, 06 Nov 1994 08:49:37 +0000', null],
  ['Sun, 06 Nov 1994 08:49:37', null],
  ['Sun, 6 Nov 1994 08:49:37 GMT', null],
  ['sun, 06 nov 1994 08:49:37 gmt', expected],
  ['Sun, 06 Nov 1994 24:49:37 GMT', null],
  ['Thu, 31 Feb 1994 08:49:37 GMT', null],
  ['1994-11-06T08:49:37Z', null],
  ['0', null],
  ['-1', null],
  ['', null],
])('reads "%s" as %o', ([text, date]) => {
  expect(httpDate(text, now)).toBe(date)
})
