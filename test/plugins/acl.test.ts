/** Who of the authenticated may pass, over real sockets. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { goodClaims, ISSUER, type Issuer, type IssuerKey, issuerKey, sign, startIssuer } from './jwt/issuer.ts'

const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`

const consumers = `
consumers:
  shop: { groups: [partner, eu], keys: ["${digest('shop-key')}"], jwt: { issuer: "${ISSUER}", sub: "4711" } }
  lab: { keys: ["${digest('lab-key')}"] }
`

const keyCases = [
  ['{ groups: [partner, staff] }', 200, 403],
  ['{ groups: [staff] }', 403, 403],
  ['{ consumers: [shop] }', 200, 403],
  ['{ consumers: ["key:shop"] }', 200, 403],
  ['{ consumers: ["basic:shop", "jwt:x#shop"] }', 403, 403],
  ['{ consumers: [shop, lab] }', 200, 200],
  ['{ consumers: [shop], groups: [staff] }', 403, 403],
  ['{ consumers: [shop, lab], groups: [eu] }', 200, 403],
  ['{ scopes: [read] }', 403, 403],
] as const

const tokenCases = [
  ['{ consumers: [shop] }', { sub: '4711' }, 200],
  ['{ consumers: [shop] }', { sub: 4711 }, 200],
  // A stranger whose issuer happens to call it like a configured consumer.
  ['{ consumers: [shop] }', { sub: 'shop' }, 403],
  ['{ consumers: [shop] }', { sub: 'key:shop' }, 403],
  ['{ consumers: ["key:shop"] }', { sub: '4711' }, 403],
  ['{ consumers: ["key:shop"] }', { sub: 'key:shop' }, 403],
  [`{ consumers: ["jwt:${ISSUER}#4711"] }`, { sub: '4711' }, 200],
  [`{ consumers: ["jwt:${ISSUER}#ada"] }`, { sub: 'ada' }, 200],
  [`{ consumers: ["jwt:${ISSUER}#ada"] }`, { sub: 'bob' }, 403],
  ['{ consumers: [lab] }', { sub: 'lab' }, 403],
  ['{ consumers: [shop] }', { sub: undefined }, 403],
  ['{ groups: [partner] }', { sub: '4711' }, 200],
  ['{ groups: [partner] }', { sub: 'shop', groups: ['partner'] }, 403],
  ['{ scopes: [read, write] }', { scope: 'write read admin' }, 200],
  ['{ scopes: [read, write] }', { scp: ['read', 'write'] }, 200],
  ['{ scopes: [read, write] }', { scope: 'read' }, 403],
  ['{ scopes: [read, write] }', {}, 403],
] as const

// One gateway for both tables, a route per row.
let key: IssuerKey
let issuer: Issuer
let origin: Origin
let gateway: TestGateway

beforeAll(async () => {
  key = await issuerKey('a')
  issuer = await startIssuer(key)
  origin = await startOrigin()
  const route = (path: string, authenticator: string, options: string) =>
    `  ${path}: { match: /${path}, upstream: "${origin.url}", plugins: [${authenticator}, { acl: ${options} }] }`
  const byKey = keyCases.map(([options], row) => route(`key-${row}`, 'api-key', options))
  const byToken = tokenCases.map(([options], row) => route(`token-${row}`, 'by-token', options))
  const chains = `chains: { by-token: [{ jwt: { issuer: "${ISSUER}", jwks: "${issuer.url}" } }] }`
  gateway = await startGateway([consumers, chains, 'routes:', ...byKey, ...byToken, ''].join('\n'))
})

afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await origin[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
})

const forwarded = (path: string) => origin.requests.filter(({ url }) => url === path).length

describe('acl below api-key', () => {
  const rows = keyCases.map((row, index) => [...row, index] as const)
  test.for(rows)('%s answers the shop %d and the lab %d', async ([, shop, lab, row]) => {
    const path = `/key-${row}`
    const statusWith = async (apiKey: string) =>
      (await gateway.fetch(path, { headers: { 'x-api-key': apiKey } })).status

    expect([await statusWith('shop-key'), await statusWith('lab-key')]).toEqual([shop, lab])
    expect(forwarded(path)).toBe([shop, lab].filter((status) => status === 200).length)
  })

  test('refuses with a problem that names no consumer and no group', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(`${consumers}
routes:
  orders: { match: /orders, upstream: "${origin.url}", plugins: [api-key, { acl: { groups: [staff] } }] }
`)

    const response = await gateway.fetch('/orders', { headers: { 'x-api-key': 'shop-key' } })

    expect(await response.json()).toMatchObject({
      code: 'forbidden',
      detail: 'The consumer is in none of the groups that may do this.',
    })
  })

  test('refuses the anonymous below an optional authenticator', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(`${consumers}
routes:
  orders:
    match: /orders
    upstream: ${origin.url}
    public: "says who may read"
    plugins: [{ api-key: { optional: true } }, { acl: { consumers: [shop] } }]
`)

    expect((await gateway.fetch('/orders')).status).toBe(403)
    expect((await gateway.fetch('/orders', { headers: { 'x-api-key': 'shop-key' } })).status).toBe(200)
  })

  test('does not load where nobody is authenticated', async () => {
    await using origin = await startOrigin()

    await expect(
      startGateway(`
routes:
  orders: { match: /orders, upstream: "${origin.url}", public: "open", plugins: [{ acl: { groups: [staff] } }] }
`),
    ).rejects.toThrow()
  })
})

describe('acl below jwt', () => {
  const rows = tokenCases.map((row, index) => [...row, index] as const)
  test.for(rows)('%s answers a token with %j %d', async ([options, claims, status, row]) => {
    const path = `/token-${row}`
    const token = await sign(key, goodClaims(claims))

    const response = await gateway.fetch(path, { headers: { authorization: `Bearer ${token}` } })

    expect(response.status).toBe(status)
    expect(forwarded(path)).toBe(status === 200 ? 1 : 0)
    if (status === 403 && options.includes('scopes')) {
      expect(response.headers.get('www-authenticate')).toBe(
        'Bearer realm="sluice", error="insufficient_scope", scope="read write"',
      )
    }
  })
})
