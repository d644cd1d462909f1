import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { DescribedRequest } from '../../src/explain/described-request.ts'
import type { DryRun } from '../../src/generation/dry-run.ts'
import { makeCertificate } from '../support/certificate.ts'
import { openRehearsal } from './open.ts'

const hash = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`

const shop = `
consumers:
  app: { groups: [mobile], keys: ["${hash('app-key')}"] }
  partner: { jwt: { issuer: https://id.example.com, sub: "42" } }
upstreams:
  orders: [http://10.0.0.1:3000/base, http://10.0.0.2:3000]
routes:
  orders:
    match: GET,POST /orders/*
    upstream: orders
    rewrite: /v1/*
    plugins:
      - any: [api-key, jwt: { issuer: https://id.example.com, jwks: https://id.example.com/keys, claims: { scope: [read] }, forwardClaims: { tenant: x-tenant } }]
      - rate-limit: { max: 2, window: 1m }
      - headers: { request: { remove: [x-internal] }, response: { remove: [server], set: { x-frame-options: DENY } } }
  hello:
    match: /hello
    respond: { status: 200, body: hi }
    public: greets
  hosted: { match: shop.example.com/hosted, respond: { status: 200, body: hi }, public: greets }
  moved: { match: /old, redirect: https://example.com/new, public: moved }
`

function outcome({ exchange, forwarded }: DryRun) {
  const { route, problem, reply, consumer } = exchange
  return {
    route: route?.name ?? null,
    status: forwarded === null ? reply.statusCode : null,
    code: problem?.code ?? null,
    consumer: consumer?.id ?? null,
    lines: forwarded?.map(({ head }) => `${head.method} ${head.target}`) ?? null,
  }
}

describe('a described request', () => {
  test.for<[string, DescribedRequest, ReturnType<typeof outcome>]>([
    [
      'without credentials is refused',
      { method: 'GET', url: '/orders/1' },
      { route: 'orders', status: 401, code: 'credentials-missing', consumer: null, lines: null },
    ],
    [
      'with a key goes to the upstream, rewritten for each target',
      { method: 'GET', url: '/orders//1?a=b', headers: ['X-Api-Key', 'app-key'] },
      {
        route: 'orders',
        status: null,
        code: null,
        consumer: 'key:app',
        lines: ['GET /base/v1/1?a=b', 'GET /v1/1?a=b'],
      },
    ],
    [
      'with a wrong key is refused',
      { method: 'GET', url: '/orders/1', headers: ['X-Api-Key', 'nobody'] },
      { route: 'orders', status: 401, code: 'credentials-invalid', consumer: null, lines: null },
    ],
    [
      'as a consumer with keys needs no key',
      { method: 'GET', url: '/orders/1', as: 'app' },
      { route: 'orders', status: null, code: null, consumer: 'key:app', lines: ['GET /base/v1/1', 'GET /v1/1'] },
    ],
    [
      'as a consumer with a token, whose claims do not suffice',
      { method: 'GET', url: '/orders/1', as: 'partner' },
      { route: 'orders', status: 403, code: 'forbidden', consumer: null, lines: null },
    ],
    [
      'with claims that suffice',
      { method: 'GET', url: '/orders/1', claims: { sub: '7', scope: 'read write', tenant: 'acme' } },
      {
        route: 'orders',
        status: null,
        code: null,
        consumer: 'jwt:https://id.example.com#7',
        lines: ['GET /base/v1/1', 'GET /v1/1'],
      },
    ],
    [
      'with a method that the route does not take',
      { method: 'DELETE', url: '/orders/1' },
      { route: null, status: 405, code: 'method-not-allowed', consumer: null, lines: null },
    ],
    [
      'that no route matches',
      { method: 'GET', url: '/nowhere' },
      { route: null, status: 404, code: 'route-not-found', consumer: null, lines: null },
    ],
    [
      'whose path climbs above its root',
      { method: 'GET', url: '/../orders' },
      { route: null, status: 400, code: 'bad-request', consumer: null, lines: null },
    ],
    [
      'that an origin could read as a guarded one',
      { method: 'GET', url: '/hello/..;/orders/1' },
      { route: null, status: 404, code: 'route-not-found', consumer: null, lines: null },
    ],
    [
      'that the gateway answers itself',
      { method: 'HEAD', url: 'api.example.com/hello' },
      { route: 'hello', status: 200, code: null, consumer: null, lines: null },
    ],
    [
      'that is sent elsewhere',
      { method: 'GET', url: 'http://shop.example.com/old' },
      { route: 'moved', status: 307, code: null, consumer: null, lines: null },
    ],
    [
      'that asks about the gateway',
      { method: 'OPTIONS', url: '*' },
      { route: null, status: 204, code: null, consumer: null, lines: null },
    ],
    [
      'that is no request for a gateway',
      { method: 'CONNECT', url: 'example.com:443' },
      { route: null, status: 405, code: 'method-not-allowed', consumer: null, lines: null },
    ],
    [
      'of HTTP/1.0 that names no host',
      { method: 'GET', url: '/hosted', http: '1.0' },
      { route: null, status: 404, code: 'route-not-found', consumer: null, lines: null },
    ],
    [
      'of HTTP/1.0 that names one',
      { method: 'GET', url: 'shop.example.com/hosted', http: '1.0' },
      { route: 'hosted', status: 200, code: null, consumer: null, lines: null },
    ],
    [
      'whose expectation nobody meets',
      { method: 'GET', url: '/hello', headers: ['expect', 'a miracle'] },
      { route: null, status: 417, code: 'expectation-failed', consumer: null, lines: null },
    ],
  ])('%s', async ([, request, expected]) => {
    await using rehearsal = await openRehearsal(shop)

    expect(outcome(await rehearsal.run(request))).toEqual(expected)
  })

  test('is counted by limits in its own rehearsal, until that forgets', async () => {
    await using rehearsal = await openRehearsal(shop)
    const request = { method: 'GET', url: '/orders/1', as: 'app' }

    const statuses = []
    for (let i = 0; i < 3; i++) statuses.push(outcome(await rehearsal.run(request)).status)
    rehearsal.rehearsal.forget()
    statuses.push(outcome(await rehearsal.run(request)).status)

    expect(statuses).toEqual([null, null, 429, null])
  })

  test('is told what is changed on the way, identity and claims included', async () => {
    await using rehearsal = await openRehearsal(shop)

    const { exchange, forwarded, removed } = await rehearsal.run({
      method: 'GET',
      url: '/orders/1',
      headers: ['x-internal', 'yes', 'x-consumer', 'root'],
      claims: { sub: '7', scope: 'read', tenant: 'acme' },
    })

    const sent = forwarded![0]!.head.headers.join('\n')
    expect(sent).toContain('x-consumer\n7')
    expect(sent).toContain('x-tenant\nacme')
    expect(sent).not.toMatch(/x-internal|root/)
    expect(exchange.reply.headers.get('x-frame-options')).toBe('DENY')
    expect([...removed]).toEqual(['server'])
  })

  test.for([
    ['/by-certificate', 'depot', 'mtls:depot'],
    ['/by-certificate', 'both', 'mtls:both'],
    ['/either', 'depot', 'mtls:depot'],
    ['/either', 'both', 'key:both'],
    ['/either', 'app', 'key:app'],
  ] as const)('on %s, taken as from the consumer %s, comes from %s', async ([url, as, id]) => {
    const server = makeCertificate()
    const files = { 'server.crt': server.cert, 'server.key': server.key, 'ca.crt': server.cert }
    await using rehearsal = await openRehearsal(
      `
listen: [{ url: "https://127.0.0.1:0", certificates: [{ cert: server.crt, key: server.key }], clientCa: ca.crt }]
consumers:
  app: { keys: ["${hash('app-key')}"] }
  depot: { certificates: ["cn:depot"] }
  both: { keys: ["${hash('both-key')}"], certificates: ["cn:both"] }
routes:
  by-certificate: { match: /by-certificate, respond: { status: 204 }, plugins: [mtls] }
  either: { match: /either, respond: { status: 204 }, plugins: [{ any: [api-key, mtls] }] }
`,
      { files },
    )

    expect(outcome(await rehearsal.run({ method: 'GET', url, as })).consumer).toBe(id)
  })

  test('by a window that goes with the clock it is given', async () => {
    let now = 0
    await using rehearsal = await openRehearsal(shop, { now: () => now })
    const request = { method: 'GET', url: '/orders/1', as: 'app' }
    for (let i = 0; i < 2; i++) await rehearsal.run(request)

    const before = outcome(await rehearsal.run(request)).status
    now = 60_001
    const after = outcome(await rehearsal.run(request)).status

    expect([before, after]).toEqual([429, null])
  })
})

describe('what describes no request', () => {
  test.for<[string, DescribedRequest, string]>([
    ['an unknown method', { method: 'get', url: '/' }, '"get" is no HTTP method: write GET'],
    ['a URL of another kind', { method: 'GET', url: 'ftp://example.com/' }, 'is none of /path'],
    ['a blank in the URL', { method: 'GET', url: '/a b' }, 'write %20'],
    ['an unknown listener', { method: 'GET', url: '/', listener: 'x' }, 'there is no listener "x"; there is listen[0]'],
    ['an unknown consumer', { method: 'GET', url: '/', as: 'ap' }, 'there is no consumer "ap"; did you mean "app"?'],
    [
      'another HTTP',
      { method: 'GET', url: '/', http: '2' as '1.0' },
      '"2" is no version of HTTP here: write 1.1 or 1.0',
    ],
    ['an address that is none', { method: 'GET', url: '/', ip: '10.0.0' }, '"10.0.0" is no IP address'],
    ['a header name with a blank', { method: 'GET', url: '/', headers: ['a b', ''] }, '"a b" is no header name'],
  ])('is refused: %s', async ([, request, message]) => {
    await using rehearsal = await openRehearsal(shop)

    await expect(rehearsal.run(request)).rejects.toThrow(message)
  })
})
