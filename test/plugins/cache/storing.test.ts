/** What a shared cache may keep: RFC 9111 §3, §3.5, §5.2, and the narrower rules of the gateway's own ttl. */

import { expect, test } from 'vitest'
import { HeaderList } from '#gateway'
import { readAnswer } from '../../../plugins/cache/answer.ts'
import { readRequest } from '../../../plugins/cache/request.ts'
import { judge, type NotKept } from '../../../plugins/cache/storing.ts'

interface Case {
  readonly status?: number
  readonly method?: string
  readonly request?: string[]
  readonly answer?: string[]
  readonly unclaimed?: 'authorization' | 'cookie'
  readonly ttl?: number
}

const now = Date.UTC(2026, 0, 1)

function verdict({ status = 200, method = 'GET', request = [], answer = [], unclaimed, ttl }: Case) {
  const keeping = judge({
    method,
    status,
    request: readRequest(request),
    answer: readAnswer(new HeaderList(answer)),
    unclaimed: { authorization: unclaimed === 'authorization', cookie: unclaimed === 'cookie' },
    ttlMs: ttl === undefined ? null : ttl * 1000,
    times: { requestedAt: now, receivedAt: now },
  })
  return typeof keeping === 'string' ? keeping : keeping.lifetime / 1000
}

const maxAge = ['cache-control', 'max-age=60']
const cacheControl = (value: string) => ['cache-control', value]

test.for<[name: string, given: Case, expected: number | NotKept]>([
  ['an answer with max-age', { answer: maxAge }, 60],
  ['a 500 with max-age', { status: 500, answer: maxAge }, 60],
  ['a 404 with max-age', { status: 404, answer: maxAge }, 60],
  ['an answer without a lifetime', {}, 'no-lifetime'],
  ['an answer that is public without a lifetime', { answer: cacheControl('public') }, 'no-lifetime'],
  ['an answer as old as its lifetime', { answer: [...maxAge, 'age', '60'] }, 'expired'],
  ['max-age=0', { answer: cacheControl('max-age=0') }, 'expired'],
  ['an answer to POST', { method: 'POST', answer: maxAge }, 'method'],
  ['an answer to HEAD', { method: 'HEAD', answer: maxAge }, 'method'],
  ['a part of an answer', { status: 206, answer: maxAge }, 'status'],
  ['304', { status: 304, answer: maxAge }, 'status'],
  ['no-store', { answer: cacheControl('no-store, max-age=60') }, 'no-store'],
  [
    'an answer to a request with no-store (§5.2.1.5)',
    { request: cacheControl('no-store'), answer: maxAge },
    'no-store',
  ],
  ['private', { answer: cacheControl('private, max-age=60') }, 'private'],
  ['private with field names', { answer: cacheControl('private="x-a", max-age=60') }, 'private'],
  ['no-cache, as long as nothing is revalidated', { answer: cacheControl('no-cache, max-age=60') }, 'no-cache'],
  ['Pragma: no-cache without Cache-Control', { answer: ['pragma', 'no-cache'], ttl: 9 }, 'no-cache'],
  ['no-store beside must-understand (§5.2.2.3)', { answer: cacheControl('no-store, must-understand, max-age=60') }, 60],
  [
    'an unknown status with must-understand',
    { status: 299, answer: cacheControl('must-understand, max-age=60') },
    'status',
  ],
  ['an unknown status with max-age', { status: 299, answer: maxAge }, 60],
  ['Vary: *', { answer: [...maxAge, 'vary', 'accept, *'] }, 'vary'],
  // RFC 9111 §3.5.
  ['somebody’s answer', { unclaimed: 'authorization', answer: maxAge }, 'authorization'],
  ['somebody’s public answer', { unclaimed: 'authorization', answer: cacheControl('public, max-age=60') }, 60],
  ['somebody’s answer with s-maxage', { unclaimed: 'authorization', answer: cacheControl('s-maxage=60') }, 60],
  [
    'somebody’s answer with must-revalidate',
    { unclaimed: 'authorization', answer: cacheControl('max-age=60, must-revalidate') },
    60,
  ],
  [
    'an answer to a request with a cookie, if the origin gives it a lifetime',
    { unclaimed: 'cookie', answer: maxAge },
    60,
  ],
  ['Set-Cookie', { answer: [...maxAge, 'set-cookie', 'a=b'] }, 'set-cookie'],
  ['Set-Cookie that is public', { answer: [...cacheControl('public, max-age=60'), 'set-cookie', 'a=b'] }, 60],
  // The gateway's own ttl.
  ['an answer without a lifetime under ttl', { ttl: 9 }, 9],
  ['an answer that was old when it came, under ttl: as long as any other', { ttl: 9, answer: ['age', '100'] }, 109],
  ['an answer with a lifetime under ttl', { ttl: 9, answer: maxAge }, 60],
  ['an answer whose lifetime cannot be read under ttl', { ttl: 9, answer: ['expires', '0'] }, 'expired'],
  ['somebody’s answer under ttl', { ttl: 9, unclaimed: 'authorization' }, 'authorization'],
  [
    'somebody’s public answer under ttl',
    { ttl: 9, unclaimed: 'authorization', answer: cacheControl('public') },
    'no-lifetime',
  ],
  ['an answer to a request with a cookie under ttl', { ttl: 9, unclaimed: 'cookie' }, 'no-lifetime'],
  ['public Set-Cookie under ttl', { ttl: 9, answer: [...cacheControl('public'), 'set-cookie', 'a=b'] }, 'no-lifetime'],
])('judges %s', ([, given, expected]) => {
  expect(verdict(given)).toBe(expected)
})

test('applies its own ttl to eight statuses and no other', () => {
  const kept = Array.from({ length: 400 }, (_, i) => i + 200).filter((status) => verdict({ status, ttl: 9 }) === 9)

  expect(kept).toEqual([200, 203, 204, 300, 301, 308, 404, 410])
})
