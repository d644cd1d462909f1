/** cache through a running gateway: hits and their heads, reloads, metrics, configs that are refused. */
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange, statusOf } from '../support/wire.ts'
import { start, yaml } from './cache/setup.ts'

describe('a hit', () => {
  test('is the same answer, with its age, without asking the origin', async () => {
    const date = new Date(Date.now() - 5000).toUTCString()
    const head = {
      'cache-control': 'max-age=60',
      'content-type': 'text/x',
      'X-Spelt': 'So',
      etag: '"1"',
      date,
      age: '7',
    }
    await using setup = await start({ head })

    const first = await setup.gateway.fetch('/a?b=1')
    const second = await setup.gateway.fetch('/a?b=1')

    expect(first.headers.get('cache-status')).toBe('sluice; fwd=uri-miss; stored')
    expect(second.status).toBe(200)
    expect(await second.text()).toBe('1')
    expect(second.headers.get('cache-status')).toMatch(/^sluice; hit; ttl=5[123]$/)
    expect(second.headers.get('age')).toMatch(/^[789]$/)
    for (const name of ['content-type', 'x-spelt', 'etag', 'date', 'cache-control', 'content-length'])
      expect([name, second.headers.get(name)]).toEqual([name, first.headers.get(name)])
    expect(second.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'))
    expect(second.headers.get('via')).toMatch(/^1\.1 [^,]+$/)
    expect(setup.origin.requests).toHaveLength(1)
  })

  test('answers HEAD with the head of GET, and HEAD itself stores nothing', async () => {
    await using setup = await start({ cache: '{ ttl: 1h }', head: { 'x-a': 'b' } })

    const before = await setup.gateway.fetch('/', { method: 'HEAD' })
    expect(before.headers.get('cache-status')).toBe('sluice; fwd=uri-miss')
    expect(await setup.ask('/')).toEqual(['2 fwd=uri-miss'])
    const raw = await setup.raw('HEAD')

    expect(raw).toContain('cache-status: sluice; hit')
    expect(raw).toMatch(/content-length: 1\r\n/)
    expect(raw).toMatch(/x-a: b\r\n/)
    expect(raw.endsWith('\r\n\r\n')).toBe(true)
  })

  test('carries no field of the exchange that brought it: no limit of another client, no connection matters', async () => {
    const head = {
      'cache-control': 'max-age=60',
      'keep-alive': 'timeout=9',
      'proxy-authenticate': 'Basic',
      'x-request-id': 'x',
    }
    await using setup = await start({
      head,
      above: 'rate-limit: { max: 9, window: 1h }',
      below: 'rate-limit: { max: 99, window: 1h, counter: below }',
    })

    const first = await setup.gateway.fetch('/')
    const second = await setup.gateway.fetch('/')

    expect(first.headers.get('ratelimit')).toBe('"r";r=8;t=3600, "below";r=98;t=3600')
    expect(second.headers.get('ratelimit')).toBe('"r";r=7;t=3600')
    expect(second.headers.get('proxy-authenticate')).toBe(null)
    expect(second.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('keeps repeated fields, their order and an empty body', async () => {
    await using setup = await start({
      answer: (_, response) => response.writeHead(204, ['Link', 'a', 'X-Other', '1', 'Link', 'b']).end(),
    })

    await setup.gateway.fetch('/')
    const hit = await setup.gateway.fetch('/')

    expect([hit.status, hit.headers.get('link'), hit.headers.get('cache-status')?.slice(0, 11)]).toEqual([
      204,
      'a, b',
      'sluice; hit',
    ])
  })

  test('answers 304 to the tag or date that the client has', async () => {
    await using setup = await start({
      head: {
        etag: '"v1"',
        'last-modified': 'Wed, 01 Jan 2025 00:00:00 GMT',
        'cache-control': 'max-age=60',
        'content-type': 'text/x',
      },
    })
    await setup.ask('/')

    // Not by fetch: it adds `cache-control: no-cache` to conditions of one's own.
    const byTag = await setup.raw('GET', 'if-none-match: W/"v1"')
    const byDate = await setup.raw('GET', 'if-modified-since: Wed, 01 Jan 2025 00:00:00 GMT')
    const other = await setup.raw('GET', 'if-none-match: "v2"')

    expect([byTag, byDate, other].map(statusOf)).toEqual([304, 304, 200])
    expect(byTag).toContain('\r\netag: "v1"\r\n')
    expect(byTag).toContain('\r\ncache-control: max-age=60\r\n')
    expect(byTag).not.toContain('content-type')
    expect(setup.origin.requests).toHaveLength(1)
  })

  test('is not given once the answer has passed its lifetime', async () => {
    await using setup = await start({ cache: '{ ttl: 100ms }' })
    expect(await setup.ask('/')).toEqual(['1 fwd=uri-miss'])

    await expect.poll(() => setup.ask('/'), { interval: 20 }).toEqual(['2 fwd=stale'])
  })
})

test('answers 504 to only-if-cached where nothing is kept', async () => {
  await using setup = await start()
  const only = { headers: { 'cache-control': 'only-if-cached' } }

  const before = await setup.gateway.fetch('/', only)
  await setup.ask('/')
  const after = await setup.gateway.fetch('/', only)

  expect([before.status, ((await before.json()) as { code: string }).code]).toEqual([504, 'not-cached'])
  expect(await after.text()).toBe('1')
  expect(setup.origin.requests).toHaveLength(1)
})

test('withholds headers that make some origins see another request than the key says', async () => {
  await using setup = await start()

  await setup.gateway.fetch('/', {
    headers: { 'X-HTTP-Method-Override': 'DELETE', 'x-original-url': '/admin', x_rewrite_url: '/admin', 'x-kept': '1' },
  })

  const { headers } = setup.origin.requests[0]!
  expect(Object.keys(headers).filter((name) => /override|original|rewrite|kept/.test(name))).toEqual(['x-kept'])
})

test('keeps its answers over a reload that changes something else, and not over one that changes its options', async () => {
  await using setup = await start()
  await setup.ask('/')

  await setup.gateway.reload(
    `${yaml(setup.origin.url, {})}  more: { match: /more, upstream: "${setup.origin.url}", public: test }\n`,
  )
  expect(await setup.ask('/')).toEqual(['1 hit'])

  await setup.gateway.reload(yaml(setup.origin.url, { cache: '{ ttl: 2h }' }))
  expect(await setup.ask('/')).toEqual(['2 fwd=uri-miss'])
})

test('counts what it had for requests, and the bytes it keeps', async () => {
  await using setup = await start()

  await setup.ask('/', '/', '/', { headers: { range: 'bytes=0-' } })

  const metrics = await setup.gateway.metrics()
  const counted = [...metrics.matchAll(/sluice_cache_requests_total\{route="r",result="(\w+)"\} (\d+)/g)]
  expect(Object.fromEntries(counted.map(([, result, count]) => [result, Number(count)]))).toEqual({
    hit: 2,
    miss: 1,
    stale: 0,
    bypass: 1,
  })
  expect(Number(/sluice_cache_bytes (\d+)/.exec(metrics)?.[1])).toBeGreaterThan(600)
})

test('refuses a config that puts it above the authenticator, or an object over the total', async () => {
  await using origin = await startOrigin()
  const above = startGateway(
    `routes: { r: { match: /*, upstream: "${origin.url}", plugins: [cache: { ttl: 1s }, api-key] } }`,
  )
  await expect(above).rejects.toThrow()

  const large = startGateway(yaml(origin.url, { cache: '{ maxObject: 2MiB, maxTotal: 1MiB }' }))
  await expect(large).rejects.toThrow()
})

test('answers a hit when the upstream is gone', async () => {
  await using setup = await start()
  await setup.ask('/')
  setup.origin.server.close()
  setup.origin.server.closeAllConnections()

  const raw = await exchange(
    setup.gateway.port,
    `GET / HTTP/1.1\r\nhost: 127.0.0.1:${setup.gateway.port}\r\nconnection: close\r\n\r\n`,
  )

  expect(statusOf(raw)).toBe(200)
})
