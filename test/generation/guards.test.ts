/** Attacks on authentication: every way around it that a client can spell. The origin stays untouched. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { goodClaims, ISSUER, issuerKey, sign, startIssuer } from '../plugins/jwt/issuer.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { exchange, openWire, statusOf } from '../support/wire.ts'
import { foreign } from './plugin-files.ts'

const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`
const consumers = `
consumers:
  shop: { groups: [partner], keys: ["${digest('shop-key')}"] }
  app: { keys: ["${digest('app-key')}"] }
`

describe('a guarded path beside a public rest', () => {
  let origin: Origin
  let gateway: TestGateway

  beforeAll(async () => {
    origin = await startOrigin()
    gateway = await startGateway(`${consumers}
routes:
  admin: { match: "/admin/*", upstream: "${origin.url}", plugins: [api-key] }
  host: { match: "api.example/*", upstream: "${origin.url}", plugins: [api-key] }
  read: { match: "GET /reports/*", upstream: "${origin.url}", plugins: [api-key] }
  tier: { match: { paths: ["/tier/*"], headers: { x-tier: gold } }, upstream: "${origin.url}", plugins: [api-key] }
  shut: { match: "/shut/*", respond: { status: 403 }, public: test }
  inner: { match: "/inner/*", upstream: "${origin.url}", public: test, plugins: [{ ip-filter: { allow: [10.0.0.0/8] } }] }
  rest: { match: "/*", upstream: "${origin.url}", public: test }
`)
  })

  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await origin[Symbol.asyncDispose]()
  })

  async function refused(bytes: string): Promise<number> {
    const before = origin.requests.length
    const wire = await openWire(gateway.port)
    wire.send(bytes)
    const answer = await wire.until(/^HTTP\/1\.1 [0-9]{3} [\s\S]*\r\n\r\n/)
    wire.close()
    expect(origin.requests.length).toBe(before)
    return statusOf(answer)
  }

  const get = (target: string, headers = 'Host: a\r\n') => `GET ${target} HTTP/1.1\r\n${headers}\r\n`

  test.for([
    // The same path in other words: the guard is met.
    ['/admin', 401],
    ['/admin/', 401],
    ['//admin', 401],
    ['/admin//x', 401],
    ['/./admin', 401],
    ['/public/../admin', 401],
    ['/public/%2e%2e/admin', 401],
    ['/public/.%2E/admin/x', 401],
    ['/%61dmin', 401],
    ['/%61%64%6d%69%6e/x', 401],
    ['/admin/.', 401],
    ['/admin/x/..', 401],
    ['/admin?x', 401],
    ['http://a/admin', 401],
    ['http://other.example//admin', 401],
    // What an origin may read as that path: refused.
    ['/Admin', 400],
    ['/ADMIN/x', 400],
    ['/admin;x', 400],
    ['/admin;/x', 400],
    ['/;/admin', 400],
    ['/a/..;/admin', 400],
    ['/%2561dmin', 400],
    ['/admin%2fx', 400],
    ['/a%2f..%2fadmin', 400],
    ['/admin%252fx', 400],
    ['/admin%3fx', 400],
    ['/admin%23', 400],
    ['/admin.', 400],
    ['/admin%20', 400],
    ['/admin%00', 400],
    ['/admin\\x', 400],
    ['/a/..\\admin', 400],
    ['/%ef%bd%81dmin', 400],
    ['/%e2%84%aa/..%ef%bc%8fadmin', 400],
    ['/../admin', 400],
    ['/Shut/x', 400],
    ['/INNER/x', 400],
    ['/inner', 403],
  ] as const)('%s is %i', async ([target, status]) => {
    expect(await refused(get(target))).toBe(status)
  })

  test.for(['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY', 'M-SEARCH'])(
    'is guarded from %s',
    async (method) => {
      expect(await refused(get('/admin').replace('GET', method))).toBe(401)
    },
  )

  test.for([
    ['another method', get('/reports/1').replace('GET', 'DELETE'), 405],
    ['another method in another case', get('/Reports/1').replace('GET', 'DELETE'), 400],
    ['another method, encoded twice', get('/%2572eports/1').replace('GET', 'POST'), 400],
    ['a missing condition', get('/tier/x'), 404],
    ['a missing condition in another case', get('/Tier/x'), 400],
    [
      'a preflight',
      get('/admin', 'Host: a\r\nOrigin: http://b\r\nAccess-Control-Request-Method: GET\r\n').replace(
        'GET /',
        'OPTIONS /',
      ),
      401,
    ],
    [
      'a method override',
      get('/admin', 'Host: a\r\nX-HTTP-Method-Override: GET\r\nX-Original-URL: /\r\nX-Rewrite-URL: /\r\n').replace(
        'GET /',
        'POST /',
      ),
      401,
    ],
    ['CONNECT', 'CONNECT admin:80 HTTP/1.1\r\nHost: admin:80\r\n\r\n', 405],
    ['TRACE', get('/admin').replace('GET', 'TRACE'), 405],
    ['the host in capitals', get('/x', 'Host: API.Example\r\n'), 401],
    ['the host with a port', get('/x', 'Host: api.example:80\r\n'), 401],
    ['the host with a dot', get('/x', 'Host: api.example.\r\n'), 401],
    ['the host in the target', get('http://api.example/x', 'Host: a\r\n'), 401],
    ['the host in the target of HTTP/1.0', 'GET http://api.example/x HTTP/1.0\r\n\r\n', 401],
    ['HTTP/1.0 without host', 'GET /admin HTTP/1.0\r\n\r\n', 401],
    [
      'an upgrade',
      get(
        '/admin',
        'Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
      ),
      401,
    ],
    [
      'an upgrade in another case',
      get(
        '/Admin',
        'Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
      ),
      400,
    ],
    [
      'an upgrade with a body',
      `${get(
        '/admin',
        'Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
      )}GE`,
      401,
    ],
    [
      'h2c',
      get('/admin', 'Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'),
      401,
    ],
    ['the key under a name with _', get('/admin', 'Host: a\r\nX_Api_Key: shop-key\r\n'), 401],
    [
      'the identity itself',
      get('/admin', 'Host: a\r\nX-Consumer: shop\r\nX-Consumer-Source: key\r\nX-Consumer-Groups: partner\r\n'),
      401,
    ],
    ['a Connection that names the key', get('/admin', 'Host: a\r\nConnection: x-api-key\r\nX-Api-Key: wrong\r\n'), 401],
    [
      'the key in a trailer',
      `POST /admin HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Api-Key\r\n\r\n0\r\nX-Api-Key: shop-key\r\n\r\n`,
      401,
    ],
  ] as const)('is not open to %s', async ([, bytes, status]) => {
    expect(await refused(bytes)).toBe(status)
  })

  test.for([
    'X-Consumer',
    'x-consumer',
    'X_Consumer',
    'X-Consumer_Source',
    'X_CONSUMER_GROUPS',
    'Proxy-Authorization',
    'HTTP2-Settings',
  ])('never lets a client’s %s through, on public routes neither', async (name) => {
    await exchange(gateway.port, get('/open', `Host: a\r\n${name}: root\r\nConnection: ${name}\r\n`))

    expect(origin.requests.at(-1)!.rawHeaders.map((text) => text.toLowerCase())).not.toContain('root')
  })
})

describe('what a route says about its paths', () => {
  test('`encodedSlash: keep` and `slashes: keep` open no way to a guarded path', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(`${consumers}
routes:
  admin: { match: "/files/admin/*", upstream: "${origin.url}", plugins: [api-key] }
  files: { match: "/files/*", upstream: "${origin.url}", public: test, encodedSlash: keep, slashes: keep }
`)
    const ask = async (target: string) =>
      statusOf(await exchange(gateway.port, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`))

    expect(await ask('/files/a%2Fb')).toBe(200)
    expect(await ask('/files//a')).toBe(200)
    expect(origin.requests.splice(0).map(({ url }) => url)).toEqual(['/files/a%2Fb', '/files//a'])
    for (const target of [
      '/files/admin%2Fx',
      '/files//admin',
      '/files%2Fadmin',
      '/files/a%2F..%2Fadmin',
      '/files/a%2F%2Fadmin',
    ])
      expect([target, (await ask(target)) >= 400]).toEqual([target, true])
    expect(origin.requests).toHaveLength(0)
  })

  test('`aliasing: allow` is a decision of the matched route, and of no other', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(`${consumers}
routes:
  admin: { match: "/admin/*", upstream: "${origin.url}", plugins: [api-key] }
  wiki: { match: "/wiki/*", upstream: "${origin.url}", public: test, aliasing: allow }
  rest: { match: "/*", upstream: "${origin.url}", public: test }
`)

    expect((await gateway.fetch('/wiki/..;/admin')).status).toBe(200)
    expect((await gateway.fetch('/Admin')).status).toBe(400)
  })

  test('`without` leaves a global guard only where the route has one of its own, or a reason', async () => {
    const config = (route: string) => `${consumers}
chains: { signed-in: [api-key] }
plugins: [signed-in]
routes:
  all: { match: "/*", upstream: "http://127.0.0.1:1"${route} }
`
    await expect(startGateway(config(', without: [signed-in]'))).rejects.toMatchObject({
      diagnostics: [{ code: 'unauthenticated-route' }],
    })
    await using gateway = await startGateway(config(', without: [signed-in], public: "test"'))
    await using guarded = await startGateway(config(''))

    expect((await gateway.fetch('/')).status).toBe(502)
    expect((await guarded.fetch('/')).status).toBe(401)
  })

  test.for([
    ['observes', '{ api-key: { mode: observe } }'],
    ['is optional', '{ api-key: { optional: true } }'],
    ['is any of optional ones', '{ any: { of: [api-key], optional: true } }'],
    ['is foreign', './foreign.js'],
    ['only restricts', '{ ip-filter: { allow: [10.0.0.0/8] } }'],
  ] as const)('without a reason is refused where the only guard %s', async ([, item]) => {
    await expect(
      startGateway(
        `${consumers}routes:\n  all: { match: "/*", upstream: "http://127.0.0.1:1", plugins: [${item}] }\n`,
        {
          files: { 'foreign.js': foreign('') },
        },
      ),
    ).rejects.toMatchObject({ diagnostics: [{ code: 'unauthenticated-route' }] })
  })

  test.for(['{ api-key: { mode: observe } }', '{ api-key: { optional: true } }', './foreign.js', '{ ip-filter: {} }'])(
    'an `any` does not take %s, which would open it',
    async (member) => {
      const start = startGateway(
        `${consumers}routes:\n  all: { match: "/*", upstream: "http://127.0.0.1:1", plugins: [{ any: [${member}] }] }\n`,
        { files: { 'foreign.js': foreign('') } },
      )

      await expect(start).rejects.toHaveProperty('diagnostics')
    },
  )
})

describe('a guard that only observes', () => {
  test('sets no identity, whatever the key', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      `${consumers}routes:\n  all: { match: "/*", upstream: "${origin.url}", public: test, plugins: [{ api-key: { mode: observe } }] }\n`,
    )

    for (const key of ['shop-key', 'wrong']) {
      const response = await gateway.fetch('/', { headers: { 'x-api-key': key, 'x-consumer': 'root' } })
      expect(response.status).toBe(200)
    }

    for (const { headers } of origin.requests) expect(headers).not.toHaveProperty('x-consumer')
  })

  test('below one that enforces takes nothing from its identity', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      `${consumers}routes:\n  all: { match: "/*", upstream: "${origin.url}", plugins: [api-key, { api-key: { header: x-other, mode: observe } }] }\n`,
    )

    await gateway.fetch('/', { headers: { 'x-api-key': 'shop-key', 'x-other': 'app-key' } })

    expect(origin.requests[0]!.headers['x-consumer']).toBe('shop')
  })
})

describe('a kept answer', () => {
  const told = (origin: Origin) => origin.requests.map(({ headers }) => headers['x-consumer'])

  test('of one key is never given to another, to nobody, or to a forged identity', async () => {
    await using origin = await startOrigin((request, response) => {
      response.setHeader('cache-control', 'max-age=60')
      response.end(`for ${request.headers['x-consumer']}`)
    })
    await using gateway = await startGateway(`${consumers}
routes:
  own: { match: /own, upstream: "${origin.url}", plugins: [api-key, cache] }
  maybe: { match: /maybe, upstream: "${origin.url}", public: test, plugins: [{ api-key: { optional: true } }, cache] }
`)
    const ask = async (path: string, headers: Record<string, string>) => (await gateway.fetch(path, { headers })).text()

    expect(await ask('/own', { 'x-api-key': 'shop-key' })).toBe('for shop')
    expect(await ask('/own', { 'x-api-key': 'app-key' })).toBe('for app')
    expect(await ask('/own', { 'x-api-key': 'shop-key', 'x-consumer': 'app' })).toBe('for shop')
    expect(await ask('/own', {})).toMatch(/credentials-missing/)
    expect(await ask('/maybe', { 'x-api-key': 'shop-key' })).toBe('for shop')
    expect(await ask('/maybe', { 'x-consumer': 'shop' })).toBe('for undefined')
    expect(await ask('/maybe', { 'x-api-key': 'wrong' })).toMatch(/credentials-invalid/)
    expect(told(origin)).toEqual(['shop', 'app', 'shop', undefined])
  })

  test('of one token is never given to another with other claims', async () => {
    const key = await issuerKey('a')
    await using issuer = await startIssuer(key)
    await using origin = await startOrigin((request, response) => {
      response.setHeader('cache-control', 'max-age=60')
      response.end(`plan ${request.headers['x_plan']}`)
    })
    await using gateway = await startGateway(`
routes:
  all:
    match: /*
    upstream: "${origin.url}"
    plugins: [{ jwt: { issuer: "${ISSUER}", jwks: "${issuer.url}", forward: false, forwardClaims: { plan: x_plan } } }, cache]
`)
    const ask = async (claims: Record<string, unknown>, path = '/') => {
      const authorization = `Bearer ${await sign(key, goodClaims(claims))}`
      return (await gateway.fetch(path, { headers: { authorization, x_plan: 'forged', 'x-plan': 'forged' } })).text()
    }

    expect(await ask({ plan: 'free' })).toBe('plan free')
    expect(await ask({ plan: 'gold' })).toBe('plan gold')
    expect(await ask({ plan: 'free' })).toBe('plan free')
    expect(await ask({ plan: 'gold', sub: 'bob' })).toBe('plan gold')
    expect(await ask({}, '/none')).toBe('plan undefined')
    expect(origin.requests).toHaveLength(4)
    for (const { rawHeaders } of origin.requests) expect(rawHeaders).not.toContain('forged')
  })
})

test('a header that a route forwards a claim in is the gateway’s on every route, however a client spells it', async () => {
  const key = await issuerKey('a')
  await using issuer = await startIssuer(key)
  await using origin = await startOrigin()
  await using gateway = await startGateway(`
routes:
  own:
    match: /own
    upstream: "${origin.url}"
    plugins: [{ jwt: { issuer: "${ISSUER}", jwks: "${issuer.url}", forwardClaims: { sub: x_user_id, plan: X-Plan } } }]
  open: { match: /open, upstream: "${origin.url}", public: test }
`)

  for (const name of ['X_User_Id', 'X-User-Id', 'x-user_id', 'X-Plan', 'x_plan'])
    await exchange(gateway.port, `GET /open HTTP/1.1\r\nHost: a\r\n${name}: forged\r\n\r\n`)

  expect(origin.requests).toHaveLength(5)
  for (const { rawHeaders } of origin.requests) expect(rawHeaders).not.toContain('forged')
})
