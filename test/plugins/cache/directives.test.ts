/** Reading Cache-Control: RFC 9111 §5.2, and what §4.2.1 says of values that cannot be read. */
import { expect, test } from 'vitest'
import { Directives } from '../../../plugins/cache/directives.ts'

test.for<[line: string, seconds: number | null]>([
  ['max-age=60', 60],
  ['MAX-AGE=60', 60],
  ['public, max-age=60', 60],
  ['public,max-age=60 ', 60],
  ['max-age="60"', 60],
  ['ext="a, max-age=1", max-age=60', 60],
  ['ext="a \\", max-age=1", max-age=60', 60],
  [',, max-age=60 ,', 60],
  ['max-age=99999999999999', 2 ** 31],
  ['max-age=60, max-age=60', 60],
  // RFC 9111 §4.2.1: what cannot be read, or contradicts itself, is stale.
  ['max-age=60, max-age=0', 0],
  ['max-age=-1', 0],
  ['max-age=1.5', 0],
  ['max-age=60s', 0],
  ['max-age', 0],
  ['max-age=', 0],
  ['no-max-age=60', null],
  ['max-age =60', null],
  ['public', null],
  ['', null],
])('reads max-age of "%s" as %o', ([line, seconds]) => {
  expect(Directives.parse([line]).seconds('max-age')).toBe(seconds)
})

test.for<[lines: string[], has: boolean]>([
  [['no-store'], true],
  [['No-Store'], true],
  [['max-age=5', 'no-store'], true],
  [['max-age=5,no-store,private'], true],
  [['private="set-cookie", no-store'], true],
  [['ext="no-store"'], false],
  [['no-storeX'], false],
])('finds no-store in %o: %o', ([lines, has]) => {
  expect(Directives.parse(lines).has('no-store')).toBe(has)
})

test.for<[cacheControl: string[], pragma: string[], has: boolean]>([
  [[], ['no-cache'], true],
  [[], ['foo, no-cache'], true],
  // RFC 9111 §5.4: Pragma counts only where there is no Cache-Control.
  [['max-age=5'], ['no-cache'], false],
  [[], ['no-cached'], false],
  [[], [], false],
])('takes Cache-Control %o and Pragma %o for no-cache: %o', ([cacheControl, pragma, has]) => {
  expect(Directives.parse(cacheControl, pragma).has('no-cache')).toBe(has)
})
