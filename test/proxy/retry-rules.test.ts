import { describe, expect, test } from 'vitest'
import { HeaderList } from '../../src/exchange/headers.ts'
import { UpstreamRequest } from '../../src/exchange/upstream-request.ts'
import { WireError, type WireErrorCode } from '../../src/http1/wire-error.ts'
import { causeOf, delayBefore, isKeepAliveRace, isRepeatable, retryAfterMs } from '../../src/proxy/retry.ts'

describe('what may be tried again', () => {
  test.for([
    ['refused', 'connect'],
    ['unresolved', 'connect'],
    ['connect-timeout', 'connect'],
    ['tls-failed', 'connect'],
    ['closed', 'closed'],
    ['response-timeout', 'timeout'],
    ['write-timeout', 'timeout'],
    ['malformed', null],
    ['head-too-large', null],
    ['incomplete', null],
    ['body-timeout', null],
    ['queue-full', null],
    ['queue-timeout', null],
    ['pool-closed', null],
  ] as const)('%s is of the kind %s', ([code, expected]) => {
    expect(causeOf(code)).toBe(expected)
  })

  // RFC 9110 §9.2.2.
  test.for([
    ['GET', [], true],
    ['HEAD', [], true],
    ['OPTIONS', [], true],
    ['PUT', [], true],
    ['DELETE', [], true],
    ['POST', [], false],
    ['PATCH', [], false],
    ['PROPFIND', [], false],
    ['get', [], false],
    ['POST', ['Idempotency-Key', '"a"'], true],
  ] as const)('%s with %j may have its effect twice: %s', ([method, headers, expected]) => {
    const request = new UpstreamRequest({
      method,
      path: '/',
      query: '',
      host: null,
      headers: new HeaderList([...headers]),
      trailers: { most: 100, mostBytes: 1000, passes: () => true },
    })
    expect(isRepeatable(request)).toBe(expected)
  })

  test.for<[WireErrorCode, { reused?: boolean; answered?: boolean }, boolean]>([
    ['closed', { reused: true }, true],
    ['closed', { reused: false }, false],
    ['closed', { reused: true, answered: true }, false],
    ['response-timeout', { reused: true }, false],
  ])('%s with %j is the keep-alive race: %s', ([code, facts, expected]) => {
    expect(isKeepAliveRace(new WireError(code, 'test', { sent: true, ...facts }))).toBe(expected)
  })
})

describe('the pause before a retry', () => {
  const backoff = { baseMs: 20, maxMs: 100 }

  test.for([
    [1, 0, 0, 0],
    [1, 0.99, 0, 19],
    [2, 0.5, 0, 20],
    [3, 0.99, 0, 79],
    [4, 0.99, 0, 99],
    [9, 0.5, 0, 50],
    [1, 0.99, 60, 60],
    [1, 0, 100, 100],
    [1, 0, 101, null],
  ] as const)('of number %d with the draw %d and Retry-After %d ms is %d', ([number, random, asked, expected]) => {
    expect(delayBefore(number, backoff, { random, retryAfterMs: asked })).toBe(expected)
  })

  // RFC 9110 §10.2.3.
  test.for([
    [[], 0],
    [['Retry-After', '2'], 2000],
    [['x-a', '9', 'retry-after', '0'], 0],
    [['Retry-After', 'Thu, 01 Jan 1970 00:00:10 GMT'], 9000],
    [['Retry-After', 'Thu, 01 Jan 1970 00:00:00 GMT'], 0],
    [['Retry-After', 'soon'], 0],
    [['Retry-After', '-1'], 0],
  ] as const)('asked for by %j is %d ms', ([headers, expected]) => {
    expect(retryAfterMs(headers, 1000)).toBe(expected)
  })
})
