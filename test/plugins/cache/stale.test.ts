/** staleIfError through a running gateway: who gets an answer that is past its lifetime, when the upstream fails (RFC 5861 §4). */
import type { RequestListener } from 'node:http'
import { describe, expect, test } from 'vitest'
import { startOrigin } from '../../support/origin.ts'
import { statusOf } from '../../support/wire.ts'
import { type SetupOptions, start, yaml } from './setup.ts'

const cache = '{ ttl: 10ms, staleIfError: 1h }'

/** An origin that numbers its answers until it is told what else to do. */
async function failing(options: SetupOptions = {}) {
  let count = 0
  let instead: RequestListener | null = null
  const setup = await start({
    cache,
    answer(request, response) {
      if (instead !== null) return instead(request, response)
      count++
      response.writeHead(200, { 'content-length': String(count).length, ...options.head }).end(String(count))
    },
    ...options,
  })
  return Object.assign(setup, {
    answers(status: number, headers: Record<string, string> = {}) {
      instead = (_, response) => response.writeHead(status, headers).end('down')
    },
    does(listener: RequestListener | null) {
      instead = listener
    },
    kill() {
      setup.origin.server.close()
      setup.origin.server.closeAllConnections()
    },
    /** Until the ttl of what was just kept is over. */
    async expire() {
      const until = Date.now() + 15
      await expect.poll(() => Date.now(), { interval: 5 }).toBeGreaterThan(until)
    },
  })
}

async function counted(setup: Awaited<ReturnType<typeof failing>>, result: string): Promise<number> {
  const line = new RegExp(`sluice_cache_requests_total\\{route="r",result="${result}"\\} (\\d+)`)
  return Number(line.exec(await setup.gateway.metrics())?.[1])
}

describe('an answer past its lifetime', () => {
  test('stands in for an origin that is gone, says so, and counts as stale', async () => {
    await using setup = await failing({ head: { 'x-kept': 'yes', etag: '"1"' } })
    await setup.ask('/')
    await setup.expire()
    setup.kill()

    const answer = await setup.gateway.fetch('/')

    expect([answer.status, await answer.text()]).toEqual([200, '1'])
    expect(answer.headers.get('cache-status')).toBe('sluice; fwd=stale; detail=stale-if-error')
    expect(answer.headers.get('age')).toMatch(/^\d+$/)
    expect(answer.headers.get('x-kept')).toBe('yes')
    expect([await counted(setup, 'stale'), await counted(setup, 'miss')]).toEqual([1, 1])
    expect(statusOf(await setup.raw('GET', 'if-none-match: "1"'))).toBe(304)
  })

  test.for([500, 502, 503, 504])('stands in for %i of the origin', async (status) => {
    await using setup = await failing()
    await setup.ask('/')
    await setup.expire()
    setup.answers(status, { 'cache-control': 'max-age=60', 'x-down': 'yes' })

    const answer = await setup.gateway.fetch('/')

    expect([answer.status, await answer.text()]).toEqual([200, '1'])
    expect(answer.headers.get('cache-status')).toBe(`sluice; fwd=stale; fwd-status=${status}; detail=stale-if-error`)
    expect(answer.headers.get('x-down')).toBeNull()
  })

  test.for([501, 404, 429])('does not stand in for %i, which is no failure of the origin', async (status) => {
    await using setup = await failing()
    await setup.ask('/')
    await setup.expire()
    setup.answers(status)

    expect((await setup.gateway.fetch('/')).status).toBe(status)
  })

  test('stands in for an origin that takes too long, after the retries', async () => {
    await using setup = await failing()
    const config = yaml(setup.origin.url, { cache })
    await setup.gateway.reload(
      `${config.replace(`upstream: "${setup.origin.url}"`, 'upstream: slow')}
upstreams:
  slow:
    targets: ["${setup.origin.url}"]
    timeouts: { response: 1s }
    retries: { attempts: 1, on: [timeout], backoff: { base: 1ms, max: 1ms } }
`,
    )
    await setup.ask('/')
    await setup.expire()
    setup.does(() => {})

    expect(await setup.ask('/')).toEqual(['1 fwd=stale'])
    expect(setup.origin.requests).toHaveLength(3)
  })

  test('stands in after a fallback has failed too', async () => {
    await using setup = await failing()
    await using spare = await startOrigin((_, response) => response.writeHead(503).end())
    const config = yaml(setup.origin.url, { cache }).replace(`upstream: "${setup.origin.url}"`, 'upstream: a')
    await setup.gateway.reload(`${config}
upstreams:
  a: { targets: ["${setup.origin.url}"], fallback: b }
  b: { targets: ["${spare.url}"] }
`)
    await setup.ask('/')
    await setup.expire()
    setup.kill()

    expect(await setup.ask('/')).toEqual(['1 fwd=stale'])
    expect(spare.requests).toHaveLength(1)
  })

  test('gives way to the origin when that is back', async () => {
    await using setup = await failing()
    await setup.ask('/')
    await setup.expire()
    setup.answers(503)
    expect(await setup.ask('/')).toEqual(['1 fwd=stale'])

    setup.does(null)
    const first = await setup.ask('/')
    await setup.expire()
    setup.answers(503)

    expect([...first, ...(await setup.ask('/'))]).toEqual(['2 fwd=stale', '2 fwd=stale'])
  })

  test('is another consumer’s for nobody, nor for other request headers', async () => {
    await using setup = await failing({ above: 'api-key', head: { vary: 'x-tone' } })
    const as = (key: string, tone: string) => ({ headers: { 'x-api-key': key, 'x-tone': tone } })
    await setup.ask(as('shop', 'low'))
    await setup.expire()
    setup.answers(503)

    expect(await setup.ask(as('shop', 'low'), as('app', 'low'), as('shop', 'high'))).toEqual([
      '1 fwd=stale',
      'down fwd=uri-miss',
      'down fwd=vary-miss',
    ])
  })

  test('is given to nobody who says no-cache, nor for longer than the request allows', async () => {
    await using setup = await failing()
    await setup.ask('/')
    await setup.expire()
    setup.answers(503)

    const said = ['no-cache', 'stale-if-error=0', 'max-age=0'].map((value) => ({ headers: { 'cache-control': value } }))
    expect(await setup.ask(...said)).toEqual(['down fwd=request', 'down fwd=stale', '1 fwd=stale'])
  })

  test('is forgotten when the origin has said since that it is not for this client', async () => {
    await using setup = await failing()
    await setup.ask('/')
    await setup.expire()
    setup.answers(403)
    await setup.ask('/')
    setup.answers(503)

    expect(await setup.ask('/')).toEqual(['down fwd=uri-miss'])
  })

  test('is not given when it was purged while the origin was waited for', async () => {
    await using setup = await failing()
    await setup.ask('/')
    await setup.expire()
    setup.does(async (_, response) => {
      await fetch(`${setup.gateway.adminUrl}/api/cache/purge`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"route":"r"}',
      })
      response.writeHead(503).end('down')
    })

    expect(await setup.ask('/')).toEqual(['down fwd=stale'])
  })
})

test.for<[cacheControl: string, staleIfError: string | null, expected: string]>([
  ['public', '1h', '1'],
  ['must-revalidate', '1h', 'down'],
  ['proxy-revalidate', '1h', 'down'],
  ['stale-if-error=0', '1h', 'down'],
  ['stale-if-error=soon', '1h', 'down'],
  ['stale-if-error=3600', '1ms', '1'],
  ['public', '1ms', 'down'],
  ['public', '0s', 'down'],
  ['stale-if-error=3600', null, 'down'],
])('with "%s" and staleIfError %s the client gets %s', async ([cacheControl, staleIfError, expected]) => {
  const option = staleIfError === null ? '{ ttl: 10ms }' : `{ ttl: 10ms, staleIfError: ${staleIfError} }`
  await using setup = await failing({ cache: option, head: { 'cache-control': cacheControl } })
  await setup.ask('/')
  await setup.expire()
  setup.answers(503)

  expect(await setup.ask('/')).toEqual([`${expected} fwd=stale`])
})
