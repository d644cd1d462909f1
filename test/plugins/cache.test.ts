/** cache through a running gateway: hits, keys, who may see what, what is forgotten. */
import { createHash } from 'node:crypto'
import type { RequestListener, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { exchange, openWire, statusOf } from '../support/wire.ts'

interface Setup extends AsyncDisposable {
  readonly origin: Origin
  readonly gateway: TestGateway
  /** Sends GETs one after the other; for each, the number of the origin's answer it got and whether it was a hit. */
  ask(...requests: readonly (string | Ask)[]): Promise<string[]>
  /** Sends a request for / with these header lines as they are, and reads to the end of the connection. */
  raw(method: string, ...lines: readonly string[]): Promise<string>
}

interface Ask {
  readonly path?: string
  readonly method?: string
  readonly headers?: Record<string, string>
}

interface SetupOptions {
  readonly cache?: string
  /** Chain above and below the cache. */
  readonly above?: string
  readonly below?: string
  readonly answer?: RequestListener
  readonly head?: Record<string, string>
}

const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`

function yaml(origin: string, { cache = '{ ttl: 1h }', above = '', below = '' }: SetupOptions): string {
  const isPublic = above.includes('api-key') && !above.includes('optional') ? '' : 'public: test, '
  return `
consumers:
  shop: { keys: ["${digest('shop')}"] }
  app: { keys: ["${digest('app')}"] }
routes:
  r: { match: /*, upstream: "${origin}", ${isPublic}plugins: [${above}${above && ', '}cache: ${cache}${below && ', '}${below}] }
`
}

/** An origin whose answers are numbered, with these headers. */
async function start(options: SetupOptions = {}): Promise<Setup> {
  let count = 0
  const numbered = (_: unknown, response: ServerResponse) => {
    count++
    response.writeHead(200, { 'content-length': String(count).length, ...options.head }).end(String(count))
  }
  const origin = await startOrigin(options.answer ?? numbered)
  const gateway = await startGateway(yaml(origin.url, options))
  return {
    origin,
    gateway,
    async ask(...requests) {
      const found: string[] = []
      for (const request of requests) {
        const { path = '/', ...init } = typeof request === 'string' ? { path: request } : request
        const answer = await gateway.fetch(path, init)
        const said = answer.headers.get('cache-status')?.replace(/^sluice; (hit|fwd=[a-z-]+).*$/, '$1') ?? 'none'
        found.push(`${await answer.text()} ${said}`)
      }
      return found
    },
    async raw(method, ...lines) {
      const wire = await openWire(gateway.port)
      const head = [`${method} / HTTP/1.1`, `host: 127.0.0.1:${gateway.port}`, ...lines, 'connection: close']
      wire.send(`${head.join('\r\n')}\r\n\r\n`)
      return wire.closed()
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await origin[Symbol.asyncDispose]()
    },
  }
}

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

describe('the key', () => {
  test('holds path and query byte for byte, and the host with its port', async () => {
    await using setup = await start()
    const get = async (target: string, host: string) => {
      const raw = await exchange(
        setup.gateway.port,
        `GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`,
      )
      return raw.slice(raw.indexOf('\r\n\r\n') + 4)
    }

    const answers: string[] = []
    for (const [target, host] of [
      ['/a?x=1&y=2', 'h'],
      ['/a?y=2&x=1', 'h'],
      ['/A?x=1&y=2', 'h'],
      ['/a?x=1&y=2', 'h:81'],
      ['/a?x=1&y=2', 'other'],
      ['/a?x=%31&y=2', 'h'],
      ['/%61?x=1&y=2', 'H'],
    ] as const)
      answers.push(await get(target, host))

    expect(answers).toEqual(['1', '2', '3', '4', '5', '6', '1'])
  })

  test('is apart for every consumer', async () => {
    await using setup = await start({ above: 'api-key', head: { 'cache-control': 'max-age=60' } })

    const shop = { headers: { 'x-api-key': 'shop' } }
    const app = { headers: { 'x-api-key': 'app' } }

    expect(await setup.ask(shop, app, shop, app)).toEqual(['1 fwd=uri-miss', '2 fwd=uri-miss', '1 hit', '2 hit'])
    expect((await setup.gateway.fetch('/')).status).toBe(401)
  })

  test('is one for all consumers where the route says shared, and still nobody else’s', async () => {
    await using setup = await start({ above: 'api-key', cache: '{ ttl: 1h, shared: true }' })

    expect(await setup.ask({ headers: { 'x-api-key': 'shop' } }, { headers: { 'x-api-key': 'app' } })).toEqual([
      '1 fwd=uri-miss',
      '1 hit',
    ])
    expect((await setup.gateway.fetch('/')).status).toBe(401)
    expect((await setup.gateway.fetch('/', { headers: { 'x-api-key': 'wrong' } })).status).toBe(401)
  })

  test('keeps shared answers apart that the origin says depend on the consumer', async () => {
    await using setup = await start({
      above: 'api-key',
      cache: '{ ttl: 1h, shared: true }',
      head: { vary: 'X-Consumer' },
    })

    const shop = { headers: { 'x-api-key': 'shop' } }
    const app = { headers: { 'x-api-key': 'app' } }

    expect(await setup.ask(shop, app, shop)).toEqual(['1 fwd=uri-miss', '2 fwd=vary-miss', '1 hit'])
  })

  test('keeps the anonymous apart from consumers', async () => {
    await using setup = await start({ above: 'api-key: { optional: true }' })

    const shop = { headers: { 'x-api-key': 'shop' } }

    expect(await setup.ask('/', shop, '/', shop)).toEqual(['1 fwd=uri-miss', '2 fwd=uri-miss', '1 hit', '2 hit'])
  })

  test('is apart for routes that share a chain', async () => {
    await using one = await startOrigin((_, response) => void response.end('one'))
    await using two = await startOrigin((_, response) => void response.end('two'))
    await using gateway = await startGateway(`
chains: { cached: [cache: { ttl: 1h }] }
routes:
  plain: { match: /*, upstream: "${one.url}", public: test, plugins: [cached] }
  gold: { match: { paths: [/*], headers: { x-tier: gold } }, upstream: "${two.url}", public: test, plugins: [cached] }
`)

    expect(await (await gateway.fetch('/')).text()).toBe('one')
    expect(await (await gateway.fetch('/', { headers: { 'x-tier': 'gold' } })).text()).toBe('two')
  })
})

describe('Vary', () => {
  test('keeps an answer for each value of the fields it names, and compares them as lists', async () => {
    await using setup = await start({ head: { vary: 'Accept-Language, x-a' } })
    const ask = (language: string) => ({ headers: { 'accept-language': language } })

    expect(await setup.ask(ask('de, en'), ask('fr'), ask('de,en'), ask('fr'), '/')).toEqual([
      '1 fwd=uri-miss',
      '2 fwd=vary-miss',
      '1 hit',
      '2 hit',
      '3 fwd=vary-miss',
    ])
  })

  test('with * keeps nothing', async () => {
    await using setup = await start({ head: { vary: '*' } })

    expect(await setup.ask('/', '/')).toEqual(['1 fwd=uri-miss', '2 fwd=uri-miss'])
  })

  test('counts for a compressed answer even where the origin forgot it', async () => {
    await using setup = await start({
      answer: ({ headers }, response) => {
        const zipped = headers['accept-encoding'] === 'x-zip'
        response.writeHead(200, zipped ? { 'content-encoding': 'x-zip' } : {}).end(zipped ? 'zipped' : 'plain')
      },
    })

    const zip = { headers: { 'accept-encoding': 'x-zip' } }
    const plain = { headers: { 'accept-encoding': 'identity' } }

    expect(await setup.ask(zip, plain, zip)).toEqual([
      'zipped fwd=uri-miss',
      'plain fwd=vary-miss',
      expect.stringMatching(/^(zipped|plain) hit$/),
    ])
  })
})

describe('credentials', () => {
  test.for([
    ['authorization', { authorization: 'Basic eA==' }],
    ['cookie', { cookie: 'session=1' }],
  ] as const)('in %s that no plugin took keep the gateway’s own ttl out, both ways', async ([, headers]) => {
    await using setup = await start()

    expect(await setup.ask({ headers }, { headers }, '/', '/', { headers })).toEqual([
      '1 fwd=uri-miss',
      '2 fwd=uri-miss',
      '3 fwd=uri-miss',
      '3 hit',
      '4 fwd=request',
    ])
  })

  test('never make a stored answer of somebody’s own without the origin’s word', async () => {
    await using setup = await start({ head: { 'cache-control': 'max-age=60' } })
    const mine = { headers: { authorization: 'Bearer x' } }

    expect(await setup.ask(mine, mine, '/')).toEqual(['1 fwd=uri-miss', '2 fwd=uri-miss', '3 fwd=uri-miss'])
  })

  test('allow to keep what the origin calls public', async () => {
    await using setup = await start({ head: { 'cache-control': 'public, max-age=60' } })

    expect(await setup.ask({ headers: { authorization: 'Bearer x' } }, '/')).toEqual(['1 fwd=uri-miss', '1 hit'])
  })
})

describe('is passed by', () => {
  test.for<[name: string, request: Ask, said: string]>([
    ['a part of an answer', { headers: { range: 'bytes=0-1' } }, 'fwd=bypass'],
    ['a condition for the origin', { headers: { 'if-match': '"a"' } }, 'fwd=bypass'],
    ['a request that wants a fresh answer', { headers: { 'cache-control': 'no-cache' } }, 'fwd=request'],
    ['Pragma: no-cache', { headers: { pragma: 'no-cache' } }, 'fwd=request'],
    ['max-age=0', { headers: { 'cache-control': 'max-age=0' } }, 'fwd=request'],
    ['a request whose answer is not to be stored', { headers: { 'cache-control': 'no-store' } }, 'fwd=request'],
    ['OPTIONS', { method: 'OPTIONS' }, 'fwd=method'],
  ])('%s', async ([, request, said]) => {
    await using setup = await start()
    await setup.ask('/')

    expect(await setup.ask(request)).toEqual([`2 ${said}`])
  })

  test('a GET with a body', async () => {
    await using setup = await start()
    const host = `127.0.0.1:${setup.gateway.port}`
    await setup.ask('/')

    const raw = await exchange(
      setup.gateway.port,
      `GET / HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx`,
    )

    expect(raw).toContain('cache-status: sluice; fwd=bypass')
    expect(raw.endsWith('\r\n\r\n2')).toBe(true)
    expect(await setup.ask('/')).toEqual(['1 hit'])
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

describe('keeps nothing', () => {
  test('of an answer that breaks off', async () => {
    let count = 0
    await using setup = await start({
      cache: '{ ttl: 1h }',
      answer: (_, response) => {
        count++
        response.writeHead(200, { 'content-length': 10 })
        if (count > 1) response.end('0123456789')
        else response.write('01234', () => response.destroy())
      },
    })

    await expect(setup.gateway.fetch('/').then((answer) => answer.text())).rejects.toThrow()

    expect(await setup.ask('/', '/')).toEqual(['0123456789 fwd=uri-miss', '0123456789 hit'])
  })

  test('of an answer whose client left', async () => {
    let finish = () => {}
    await using setup = await start({
      answer: (_, response) => {
        response.writeHead(200, { 'content-length': 10 }).write('01234')
        finish = () => response.end('56789')
      },
    })
    const wire = await openWire(setup.gateway.port)
    wire.send(`GET / HTTP/1.1\r\nhost: 127.0.0.1:${setup.gateway.port}\r\n\r\n`)
    await wire.until(/01234/)
    wire.close()
    await expect.poll(async () => /cache_bytes (\d+)/.exec(await setup.gateway.metrics())?.[1]).toBe('0')
    finish()

    const next = setup.gateway.fetch('/')
    await expect.poll(() => setup.origin.requests.length).toBe(2)
    finish()
    expect((await next).headers.get('cache-status')).toBe('sluice; fwd=uri-miss; stored')
  })

  test('of a body that is too large, whether or not its length is known', async () => {
    await using setup = await start({
      cache: '{ ttl: 1h, maxObject: 1KiB }',
      answer: ({ url }, response) => {
        if (url === '/known') response.setHeader('content-length', 1025)
        response.write('x'.repeat(1000))
        response.end('x'.repeat(25))
      },
    })

    for (const path of ['/known', '/chunked', '/known', '/chunked']) {
      const answer = await setup.gateway.fetch(path)
      expect(answer.headers.get('cache-status')).toContain('fwd=uri-miss')
      expect((await answer.text()).length).toBe(1025)
    }
  })

  test('of the gateway’s own problems', async () => {
    await using setup = await start()
    setup.origin.server.close()
    setup.origin.server.closeAllConnections()

    const answers = [await setup.gateway.fetch('/'), await setup.gateway.fetch('/')]

    expect(answers.map((answer) => answer.status)).toEqual([502, 502])
    expect(answers.map((answer) => answer.headers.get('cache-status'))).toEqual([null, null])
  })
})

test('keeps a chunked answer whole', async () => {
  const body = 'x'.repeat(100_000)
  await using setup = await start({
    answer: (_, response) => {
      response.write(body.slice(0, 30_000))
      setImmediate(() => response.end(body.slice(30_000)))
    },
  })

  const [first, second] = await setup.ask('/', '/')

  expect(first === `${body} fwd=uri-miss`).toBe(true)
  expect(second === `${body} hit`).toBe(true)
})

test('forgets a URI, for everybody, when an unsafe request to it succeeds', async () => {
  let count = 0
  await using setup = await start({
    above: 'api-key',
    answer: (request, response) => {
      count++
      response.statusCode = request.headers['x-fail'] === undefined ? 200 : 400
      if (request.method === 'POST') response.setHeader('location', '/b')
      response.end(String(count))
    },
  })
  const shop = { 'x-api-key': 'shop' }
  const app = { 'x-api-key': 'app' }
  await setup.ask({ headers: shop }, { headers: app }, { path: '/b', headers: app }, { path: '/c', headers: app })

  await setup.ask({ method: 'POST', headers: { ...shop, 'x-fail': '1' } })
  expect(await setup.ask({ headers: app })).toEqual(['2 hit'])

  await setup.ask({ method: 'POST', headers: shop })
  expect(
    await setup.ask({ headers: app }, { headers: shop }, { path: '/b', headers: app }, { path: '/c', headers: app }),
  ).toEqual(['7 fwd=uri-miss', '8 fwd=uri-miss', '9 fwd=uri-miss', '4 hit'])
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
