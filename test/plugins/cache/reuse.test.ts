/** Which requests a stored answer serves (RFC 9111 §4.2, §5.2.1), and which get 304 (RFC 9110 §13). */
import { expect, test } from 'vitest'
import { HeaderList } from '#gateway'
import { readAnswer } from '../../../plugins/cache/answer.ts'
import { type Entry, entryWithoutBody } from '../../../plugins/cache/entry.ts'
import { readRequest } from '../../../plugins/cache/request.ts'
import { isNotModified, mayStandIn, type Reuse, reuse } from '../../../plugins/cache/reuse.ts'

const now = Date.UTC(2026, 0, 1)

/** Good for 60 seconds. */
function entry(changes: Partial<Entry> = {}): Entry {
  return {
    status: 200,
    reason: 'OK',
    head: [],
    body: Buffer.alloc(0),
    selection: [],
    requestedAt: now,
    receivedAt: now,
    initialAge: 0,
    lifetime: 60_000,
    ownTtl: false,
    mustRevalidate: false,
    staleIfError: 0,
    etag: '"a"',
    modifiedAt: Date.UTC(2025, 0, 1),
    route: 'r',
    tags: [],
    ...changes,
  }
}

test.for<[cacheControl: string, age: number, expected: Reuse]>([
  ['', 0, 'usable'],
  ['', 59, 'usable'],
  ['', 60, 'stale'],
  ['no-cache', 0, 'request'],
  ['no-store', 0, 'request'],
  ['max-age=0', 0, 'request'],
  ['max-age=10', 9, 'usable'],
  ['max-age=10', 11, 'request'],
  ['max-age=100', 61, 'stale'],
  ['max-age=x', 0, 'request'],
  ['min-fresh=10', 49, 'usable'],
  ['min-fresh=10', 51, 'request'],
  ['max-stale=10', 69, 'usable'],
  ['max-stale=10', 71, 'stale'],
  ['max-stale', 1000, 'usable'],
  ['max-stale=x', 61, 'stale'],
])('a request with "%s" finds an answer %o s old to be %s', ([cacheControl, age, expected]) => {
  const request = readRequest(cacheControl === '' ? [] : ['Cache-Control', cacheControl])

  expect(reuse(entry(), request, age * 1000)).toBe(expected)
})

test('never gives a stale answer that the origin wants revalidated, whatever max-stale says', () => {
  const request = readRequest(['cache-control', 'max-stale'])

  expect(reuse(entry({ mustRevalidate: true }), request, 61_000)).toBe('stale')
})

test.for<[cacheControl: string, staleFor: number, expected: boolean]>([
  ['', 30, true],
  ['', 31, false],
  ['max-age=0', 30, true],
  ['stale-if-error=10', 10, true],
  ['stale-if-error=10', 11, false],
  ['stale-if-error=99', 31, false],
  ['stale-if-error', 1, false],
  ['no-cache', 0, false],
  ['no-store', 0, false],
])('for "%s" an answer good for errors for 30 s, stale for %i s, may stand in: %o', ([said, staleFor, expected]) => {
  const request = readRequest(said === '' ? [] : ['cache-control', said])

  expect(mayStandIn(entry({ staleIfError: 30_000 }), request, 60_000 + staleFor * 1000)).toBe(expected)
})

test.for<[cacheControl: string, status: number, own: number | null, expected: number]>([
  ['max-age=60', 200, 30_000, 30_000],
  ['max-age=60', 404, 30_000, 30_000],
  ['max-age=60', 503, 30_000, 0],
  ['max-age=60', 200, null, 0],
  ['max-age=60, stale-if-error=5', 200, 30_000, 5000],
  ['max-age=60, stale-if-error=90', 200, 30_000, 90_000],
  ['max-age=60, stale-if-error=90', 200, null, 0],
  ['s-maxage=60, stale-if-error=90', 200, 30_000, 0],
  ['max-age=60, stale-if-error=90, must-revalidate', 200, 30_000, 0],
])('keeps "%s" with %i, where the gateway says %o ms, for errors for %i ms', ([said, status, own, expected]) => {
  const kept = entryWithoutBody({
    status,
    reason: undefined,
    rawHeaders: [],
    preset: [],
    answer: readAnswer(new HeaderList(['cache-control', said])),
    keeping: { lifetime: 60_000, initialAge: 0, ownTtl: false },
    selection: [],
    times: { requestedAt: now, receivedAt: now },
    staleIfErrorMs: own,
    route: 'r',
  })

  expect(kept.staleIfError).toBe(expected)
})

const before = 'Tue, 31 Dec 2024 23:59:59 GMT'
const since = 'Wed, 01 Jan 2025 00:00:00 GMT'

test.for<[name: string, headers: string[], changes: Partial<Entry>, expected: boolean]>([
  ['the same tag', ['if-none-match', '"a"'], {}, true],
  ['one of several tags', ['if-none-match', '"x, y", W/"a"'], {}, true],
  ['a tag on a second line', ['if-none-match', '"x"', 'if-none-match', '"a"'], {}, true],
  ['a weak stored tag', ['if-none-match', '"a"'], { etag: 'W/"a"' }, true],
  ['any tag', ['if-none-match', '*'], { etag: null }, true],
  ['another tag', ['if-none-match', '"b"'], {}, false],
  ['a tag inside another', ['if-none-match', '"x"a"'], {}, false],
  ['a tag where none is stored', ['if-none-match', '"a"'], { etag: null }, false],
  ['another tag, however late the date', ['if-none-match', '"b"', 'if-modified-since', since], {}, false],
  ['the date of the last change', ['if-modified-since', since], {}, true],
  ['a date before the last change', ['if-modified-since', before], {}, false],
  ['what is no date', ['if-modified-since', 'yesterday'], {}, false],
  ['the same tag of a 404', ['if-none-match', '"a"'], { status: 404 }, false],
  ['no condition', [], {}, false],
])('takes %s for not modified: %4$o', ([, headers, changes, expected]) => {
  expect(isNotModified(entry(changes), readRequest(headers))).toBe(expected)
})
