/** Where a request goes and what is asked there: rewrite templates, Host, base paths; and the answers that need no upstream. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { exchange, statusOf } from '../support/wire.ts'

const get = (target: string, headers = '') => `GET ${target} HTTP/1.1\r\nHost: a.example:81\r\n${headers}\r\n`

interface Setup extends AsyncDisposable {
  readonly origin: Origin
  readonly gateway: TestGateway
  /** What the origin was asked for, or the status of the refusal. */
  ask(target: string): Promise<string | number>
}

async function startRoute(match: string, more: string, base = ''): Promise<Setup> {
  const origin = await startOrigin()
  const gateway = await startGateway(
    `routes:\n  all: { match: "${match}", upstream: "${origin.url}${base}", public: test, ${more} }\n`,
  )
  return {
    origin,
    gateway,
    async ask(target) {
      const answer = await exchange(gateway.port, get(target))
      return origin.requests.splice(0)[0]?.url ?? statusOf(answer)
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await origin[Symbol.asyncDispose]()
    },
  }
}

const rewrites = [
  // A rest keeps its bytes; the bare prefix and the one with a slash stay apart.
  ['/orders/*', '/v1/orders/*', '/orders/7', '/v1/orders/7'],
  ['/orders/*', '/v1/orders/*', '/orders', '/v1/orders'],
  ['/orders/*', '/v1/orders/*', '/orders/', '/v1/orders/'],
  ['/orders/*', '/v1/orders/*', '/orders/a%20b/c', '/v1/orders/a%20b/c'],
  ['/orders/*', '/*', '/orders/7/8', '/7/8'],
  ['/orders/*', '/*', '/orders', '/'],
  ['/*', '/deep/*', '/', '/deep/'],
  // The query goes on unchanged.
  ['/orders/*', '/v1/*', '/orders/7?a=1&a=%20', '/v1/7?a=1&a=%20'],
  ['/a', '/b', '/a?', '/b'],
  // Segments by name.
  ['/u/{user}/o/{id}', '/orders/{id}/of/{user}', '/u/ada/o/7', '/orders/7/of/ada'],
  ['/u/{user}', '/x-{user}-y', '/u/%C3%A9', '/x-%C3%A9-y'],
  // A template with a query sets its parameters and keeps the others.
  ['/i/{id}', '/items?id={id}', '/i/7', '/items?id=7'],
  ['/i/{id}', '/items?id={id}', '/i/7?id=8&b=1&%69d=9', '/items?b=1&id=7'],
  ['/i/{id}', '/items?id={id}&v=2', '/i/7?v=1&v=3', '/items?id=7&v=2'],
  ['/f/*', '/get?path=*', '/f/a/b', '/get?path=a/b'],
  // What means something in a query is one value all the same.
  ['/i/{id}', '/items?id={id}', '/i/7&role=admin', '/items?id=7%26role%3Dadmin'],
  ['/i/{id}', '/items?id={id}', '/i/7;role=admin', '/items?id=7%3Brole%3Dadmin'],
  ['/i/{id}', '/items?id={id}', '/i/a+b', '/items?id=a%2Bb'],
  ['/i/{id}', '/items?id={id}', '/i/a%26b%23', '/items?id=a%26b%23'],
] as const

describe('rewrite', () => {
  // One gateway for the whole table: each row is a host.
  let origin: Origin
  let gateway: TestGateway

  beforeAll(async () => {
    origin = await startOrigin()
    const routes = rewrites.map(
      ([match, rewrite], row) =>
        `  r${row}: { match: "r${row}.example${match}", upstream: "${origin.url}", public: test, rewrite: "${rewrite}" }\n`,
    )
    gateway = await startGateway(`routes:\n${routes.join('')}`)
  })

  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await origin[Symbol.asyncDispose]()
  })

  test.for(rewrites.map((row, index) => [...row, index] as const))(
    'of %s to %s makes of %s %s',
    async ([, , target, expected, row]) => {
      await exchange(gateway.port, `GET ${target} HTTP/1.1\r\nHost: r${row}.example\r\n\r\n`)

      expect(origin.requests.at(-1)?.url).toBe(expected)
    },
  )

  test('refuses a result with an empty segment', async () => {
    await using setup = await startRoute('/a/*', 'rewrite: "/b/*", slashes: keep')

    expect(await setup.ask('/a//b')).toBe(400)
    expect(await setup.ask('/a/b')).toBe('/b/b')
  })

  test('keeps an encoded slash encoded', async () => {
    await using setup = await startRoute('/a/{name}', 'rewrite: "/b/{name}/c", encodedSlash: keep')

    expect(await setup.ask('/a/x%2fy')).toBe('/b/x%2Fy/c')
  })
})

describe('a target with a path', () => {
  test.for([
    ['/base', '', '/x?y', '/base/x?y'],
    ['/base/', '', '/x', '/base/x'],
    ['/base', '', '/', '/base/'],
    ['/base/deep', 'rewrite: "/v1/*"', '/x', '/base/deep/v1/x'],
  ] as const)('%s stands in front: %s %s is %s', async ([base, more, target, expected]) => {
    await using setup = await startRoute('/*', more, base)

    expect(await setup.ask(target)).toBe(expected)
  })
})

describe('Host towards the upstream', () => {
  test.for([
    ['', 'a.example:81'],
    ['host: keep', 'a.example:81'],
    ['host: other.example', 'other.example'],
    ['host: "other.example:8443"', 'other.example:8443'],
  ] as const)('with %j is %s', async ([more, expected]) => {
    await using setup = await startRoute('/*', more)

    await exchange(setup.gateway.port, get('/'))

    expect(setup.origin.requests[0]!.headers.host).toBe(expected)
    expect(setup.origin.requests[0]!.headers['x-forwarded-host']).toBe('a.example:81')
  })

  test('with `host: target` is that of the target, also for HTTP/1.0 without one', async () => {
    await using setup = await startRoute('/*', 'host: target')

    await exchange(setup.gateway.port, get('/'))
    await exchange(setup.gateway.port, 'GET / HTTP/1.0\r\n\r\n')

    for (const { headers } of setup.origin.requests) expect(headers.host).toBe(`127.0.0.1:${setup.origin.port}`)
  })

  test('stands once and first', async () => {
    await using setup = await startRoute('/*', '')

    await exchange(setup.gateway.port, get('http://b.example/', 'X-A: 1\r\n'))

    const names = setup.origin.requests[0]!.rawHeaders.filter((_, index) => index % 2 === 0)
    expect(names[0]).toBe('host')
    expect(names.filter((name) => name.toLowerCase() === 'host')).toHaveLength(1)
    expect(setup.origin.requests[0]!.headers.host).toBe('b.example')
  })
})

describe('a route without upstream', () => {
  test('responds with what the file says', async () => {
    await using gateway = await startGateway(`
routes:
  json: { match: /json, respond: { status: 201, body: { ok: true, list: [1] } }, public: test }
  text: { match: /text, respond: { status: 200, headers: { x-a: b, content-type: text/css }, body: "a{}" }, public: test }
  bare: { match: /bare, respond: { status: 204 }, public: test }
`)

    const json = await gateway.fetch('/json')
    expect([json.status, json.headers.get('content-type'), await json.json()]).toEqual([
      201,
      'application/json',
      { ok: true, list: [1] },
    ])
    const text = await gateway.fetch('/text')
    expect([text.headers.get('content-type'), text.headers.get('x-a'), await text.text()]).toEqual([
      'text/css',
      'b',
      'a{}',
    ])
    const bare = await exchange(gateway.port, get('/bare', 'Connection: close\r\n'))
    expect(bare).toMatch(/^HTTP\/1\.1 204 /)
    expect(bare).not.toMatch(/content-length|transfer-encoding/i)
    expect(bare).toMatch(/x-request-id: /)
  })

  test('answers HEAD with the length of its body, and no body', async () => {
    await using gateway = await startGateway(
      'routes:\n  a: { match: /a, respond: { status: 200, body: hello }, public: test }\n',
    )

    const response = await gateway.fetch('/a', { method: 'HEAD' })

    expect([response.headers.get('content-length'), await response.text()]).toEqual(['5', ''])
  })

  test('redirects to what the file says, whatever the request says', async () => {
    await using gateway = await startGateway(
      'routes:\n  a: { match: /a/*, redirect: "https://b.example/c?d", public: test }\n',
    )

    const answer = await exchange(gateway.port, get('//a//evil.example'))
    const response = await gateway.fetch('/a/b?next=https://evil.example')

    expect(response.status).toBe(307)
    expect(response.headers.get('location')).toBe('https://b.example/c?d')
    expect(answer).toMatch(/^location: https:\/\/b\.example\/c\?d\r$/im)
  })

  test('runs its chain all the same', async () => {
    await using gateway = await startGateway(
      'routes:\n  a: { match: /a, respond: { status: 200 }, plugins: [api-key] }\n',
    )

    expect((await gateway.fetch('/a')).status).toBe(401)
  })
})
