/** Attacks on authentication: every way around it that a client can spell. The origin stays untouched. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { exchange, openWire, statusOf } from '../support/wire.ts'

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
