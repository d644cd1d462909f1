/** `any: […]`: the first member whose credentials are present decides alone. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { goodClaims, ISSUER, issuerKey, sign, startIssuer } from './jwt/issuer.ts'

async function startSetup(item: (jwt: string) => string, more = '') {
  const key = await issuerKey('a')
  const issuer = await startIssuer(key)
  const origin = await startOrigin()
  const jwt = `jwt: { issuer: "${ISSUER}", jwks: "${issuer.url}" }`
  const gateway = await startGateway(`
consumers:
  shop: { keys: ["sha256:${createHash('sha256').update('shop-key').digest('hex')}"] }
routes:
  orders:
    match: /orders
    upstream: ${origin.url}
    ${more}
    plugins: [${item(jwt)}]
`)
  return {
    key,
    origin,
    async send(headers: Record<string, string>) {
      return gateway.fetch('/orders', { headers })
    },
    consumers: () => origin.requests.map(({ headers }) => headers['x-consumer']),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await origin[Symbol.asyncDispose]()
      await issuer[Symbol.asyncDispose]()
    },
  }
}

const either = (jwt: string) => `{ any: [api-key, { ${jwt} }] }`

describe('any', () => {
  test('takes whichever credentials are there', async () => {
    await using setup = await startSetup(either)
    const authorization = `Bearer ${await sign(setup.key)}`

    const byKey = await setup.send({ 'x-api-key': 'shop-key' })
    const byToken = await setup.send({ authorization })

    expect([byKey.status, byToken.status]).toEqual([200, 200])
    expect(setup.consumers()).toEqual(['shop', 'ada'])
  })

  test("answers 401 with every member's challenge where none is there", async () => {
    await using setup = await startSetup(either)

    const response = await setup.send({ authorization: 'Basic YTpi' })

    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({ code: 'credentials-missing' })
    expect(response.headers.get('www-authenticate')).toBe('ApiKey header="x-api-key", Bearer realm="sluice"')
    expect(setup.origin.requests).toEqual([])
  })

  test('lets no good credentials make up for bad ones above', async () => {
    await using setup = await startSetup(either)
    const authorization = `Bearer ${await sign(setup.key)}`

    const response = await setup.send({ 'x-api-key': 'wrong', authorization })

    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({ code: 'credentials-invalid' })
    expect(setup.origin.requests).toEqual([])
  })

  test('does not look at credentials below those that decided', async () => {
    await using setup = await startSetup(either)

    const response = await setup.send({ 'x-api-key': 'shop-key', authorization: 'Bearer wrong' })

    expect(response.status).toBe(200)
    expect(setup.consumers()).toEqual(['shop'])
  })

  test('stands above an acl like any authenticator', async () => {
    await using setup = await startSetup((jwt) => `${either(jwt)}, { acl: { scopes: [read] } }`)
    const token = await sign(setup.key, goodClaims({ scope: 'read' }))

    expect((await setup.send({ 'x-api-key': 'shop-key' })).status).toBe(403)
    expect((await setup.send({ authorization: `Bearer ${token}` })).status).toBe(200)
  })
})

describe('authenticators one after another', () => {
  test('must all pass, and the last names the consumer', async () => {
    await using setup = await startSetup((jwt) => `api-key, { ${jwt} }`)
    const authorization = `Bearer ${await sign(setup.key)}`

    const both = await setup.send({ 'x-api-key': 'shop-key', authorization })
    const keyAlone = await setup.send({ 'x-api-key': 'shop-key' })
    const tokenAlone = await setup.send({ authorization })

    expect([both.status, keyAlone.status, tokenAlone.status]).toEqual([200, 401, 401])
    expect(setup.consumers()).toEqual(['ada'])
  })
})

test('the credentials of members that did not decide never reach the upstream', async () => {
  await using setup = await startSetup((jwt) => `{ any: [{ ${jwt} }, api-key] }`)
  const authorization = `Bearer ${await sign(setup.key)}`

  await setup.send({ authorization, 'x-api-key': 'unchecked' })
  await setup.send({ 'x-api-key': 'shop-key' })

  expect(setup.origin.requests[0]!.headers).toMatchObject({ authorization })
  expect(setup.origin.requests[0]!.headers).not.toHaveProperty('x-api-key')
  expect(setup.origin.requests[1]!.headers).not.toHaveProperty('x-api-key')
})
