/** What a config may say about guards, and what identity comes of it: nothing said opens a way around them. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { goodClaims, ISSUER, issuerKey, sign, startIssuer } from '../plugins/jwt/issuer.ts'
import { startGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { exchange, statusOf } from '../support/wire.ts'
import { foreign } from './plugin-files.ts'

const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`
const consumers = `
consumers:
  shop: { groups: [partner], keys: ["${digest('shop-key')}"] }
  app: { keys: ["${digest('app-key')}"] }
`

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
