/** Bearer tokens over real sockets: who gets through, as whom, and what the upstream is told. */
import { createHash, generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { goodClaims, ISSUER, issuerKey, sign } from './jwt/issuer.ts'
import { startSetup } from './jwt/setup.ts'

describe('a good token', () => {
  test('names a stranger by its claim, with its identity and the token itself to the upstream', async () => {
    await using setup = await startSetup({ options: 'audience: [other, orders]' })
    const token = await sign(setup.key)

    const first = await setup.send(token)
    const again = await setup.send(token)

    expect([first.status, again.status]).toEqual([200, 200])
    for (const { headers } of setup.origin.requests) {
      expect(headers).toMatchObject({
        'x-consumer': 'ada',
        'x-consumer-source': 'jwt',
        authorization: `Bearer ${token}`,
      })
      expect(headers).not.toHaveProperty('x-consumer-groups')
    }
    expect(setup.issuer.fetches).toBe(1)
  })

  test.for(['RS256', 'PS512', 'ES384', 'ES512', 'EdDSA', 'Ed25519'])('may be signed with %s', async (alg) => {
    await using setup = await startSetup({ key: await issuerKey('first', alg) })

    expect((await setup.send(await sign(setup.key))).status).toBe(200)
  })

  test.for(['Bearer', 'bearer', 'BEARER '])('may come as %j', async (scheme) => {
    await using setup = await startSetup()
    const authorization = `${scheme} ${await sign(setup.key)}`

    expect((await setup.gateway.fetch('/orders', { headers: { authorization } })).status).toBe(200)
  })

  test('is a configured consumer only if that consumer says so', async () => {
    const front = `consumers: { shop: { groups: [partner], jwt: { issuer: "${ISSUER}", sub: "4711" } } }`
    await using setup = await startSetup({ front })

    await setup.send(await sign(setup.key, goodClaims({ sub: '4711', groups: ['admin'] })))
    await setup.send(await sign(setup.key, goodClaims({ sub: 'shop' })))

    expect(setup.origin.requests.map(({ headers }) => headers['x-consumer'])).toEqual(['shop', 'shop'])
    expect(setup.origin.requests.map(({ headers }) => headers['x-consumer-groups'])).toEqual(['partner', undefined])
  })

  test('takes the groups of the config in force, also when it is known already', async () => {
    const front = (groups: string) =>
      `consumers: { shop: { groups: [${groups}], jwt: { issuer: "${ISSUER}", sub: ada } } }`
    await using setup = await startSetup({ front: front('old') })
    const token = await sign(setup.key)
    await setup.send(token)

    await setup.gateway.reload(setup.config(undefined, front('new')))
    await setup.send(token)

    expect(setup.origin.requests.map(({ headers }) => headers['x-consumer-groups'])).toEqual(['old', 'new'])
  })

  test('without the claim that names is authenticated as nobody', async () => {
    await using setup = await startSetup({ options: 'consumer: client_id' })

    expect((await setup.send(await sign(setup.key))).status).toBe(200)
    expect(setup.origin.requests[0]?.headers).not.toHaveProperty('x-consumer')
  })

  test('may be without an end where the route allows that', async () => {
    await using setup = await startSetup({ options: 'requireExp: false' })

    expect((await setup.send(await sign(setup.key, goodClaims({ exp: undefined })))).status).toBe(200)
  })

  test('may be off by the tolerance of the clock', async () => {
    await using setup = await startSetup({ options: 'clockTolerance: 1m' })
    const now = Math.floor(Date.now() / 1000)

    expect((await setup.send(await sign(setup.key, goodClaims({ exp: now - 30, nbf: now + 30 })))).status).toBe(200)
    expect((await setup.send(await sign(setup.key, goodClaims({ exp: now - 61 })))).status).toBe(401)
    expect((await setup.send(await sign(setup.key, goodClaims({ nbf: now + 90 })))).status).toBe(401)
  })

  test('is refused once it has expired, though it is known', async () => {
    await using setup = await startSetup({ options: 'clockTolerance: 0s' })
    const token = await sign(setup.key, goodClaims({ exp: Math.floor(Date.now() / 1000) + 4 }))
    expect((await setup.send(token)).status).toBe(200)

    await expect.poll(async () => (await setup.send(token)).status, { interval: 100 }).toBe(401)
  })
})

describe('what the upstream is told', () => {
  test('is the claims that the route names, never what the client says in their place', async () => {
    await using setup = await startSetup({
      options: 'forwardClaims: { sub: X-User-Id, roles: x-roles, email: x-email }',
    })
    const token = await sign(setup.key, goodClaims({ sub: 'Ada Lovelace', roles: ['a', 'b,c'] }))

    await setup.gateway.fetch('/orders', {
      headers: {
        authorization: `Bearer ${token}`,
        'x-user-id': 'root',
        x_user_id: 'root',
        'x-email': 'root@example.com',
      },
    })

    const [{ rawHeaders } = { rawHeaders: [] }] = setup.origin.requests
    const fields = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), rawHeaders[i + 1]]] : []))
    expect(fields.filter(([name]) => /^x.(user|roles|email)/.test(name!))).toEqual([
      ['x-user-id', 'Ada%20Lovelace'],
      ['x-roles', 'a,b%2Cc'],
    ])
  })

  test('holds no line that a claim breaks out of', async () => {
    await using setup = await startSetup({ options: 'forwardClaims: { sub: x-user-id }' })
    const token = await sign(setup.key, goodClaims({ sub: 'a\r\nx-admin: 1' }))

    expect((await setup.send(token)).status).toBe(200)
    expect(setup.origin.requests[0]?.headers).toMatchObject({
      'x-user-id': 'a%0D%0Ax-admin%3A%201',
      'x-consumer': 'a%0D%0Ax-admin%3A%201',
    })
    expect(setup.origin.requests[0]?.headers).not.toHaveProperty('x-admin')
  })

  test('does not hold the token with `forward: false`', async () => {
    await using setup = await startSetup({ options: 'forward: false' })

    expect((await setup.send(await sign(setup.key))).status).toBe(200)
    expect(setup.origin.requests[0]?.headers).not.toHaveProperty('authorization')
  })
})

describe('a token that does not grant enough', () => {
  test('is 403 and says which scopes would do', async () => {
    await using setup = await startSetup({ options: 'claims: { scope: [orders.read, orders.write] }' })

    const little = await setup.send(await sign(setup.key, goodClaims({ scope: 'orders.read' })))
    const enough = await setup.send(await sign(setup.key, goodClaims({ scope: 'orders.write x orders.read' })))

    expect([little.status, enough.status]).toEqual([403, 200])
    expect(little.headers.get('www-authenticate')).toBe(
      'Bearer realm="sluice", error="insufficient_scope", scope="orders.read orders.write"',
    )
    expect(await little.json()).toMatchObject({ code: 'forbidden' })
    expect(setup.origin.requests).toHaveLength(1)
  })

  test('is 403 for any other claim, also when another route knows it as good', async () => {
    await using setup = await startSetup()
    const token = await sign(setup.key, goodClaims({ tenant: 'acme' }))
    expect((await setup.send(token)).status).toBe(200)

    await setup.gateway.reload(setup.config('claims: { tenant: [other] }'))

    expect((await setup.send(token)).status).toBe(403)
    expect((await setup.send(token)).status).toBe(403)
  })
})

describe('the key of a token', () => {
  test('may be a PEM public key', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    await using setup = await startSetup({ source: `publicKey: ${JSON.stringify(pem)}` })
    const token = await new SignJWT(goodClaims()).setProtectedHeader({ alg: 'RS256', kid: undefined! }).sign(privateKey)
    // RS256 → HS256: the public key, which everybody has, as the secret of a MAC.
    const forged = await new SignJWT(goodClaims()).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(pem))

    expect((await setup.send(token)).status).toBe(200)
    expect((await setup.send(forged)).status).toBe(401)
  })

  test('may be a shared secret from the environment', async () => {
    const secret = createHash('sha256').update('secret').digest('hex')
    await using setup = await startSetup({ source: `secret: "\${env:JWT_SECRET}"`, env: { JWT_SECRET: secret } })
    const token = (key: string) => new SignJWT(goodClaims()).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(key))

    expect((await setup.send(await token(secret))).status).toBe(200)
    expect((await setup.send(await token('x'.repeat(32)))).status).toBe(401)
    expect((await setup.send(await sign(setup.key))).status).toBe(401)
  })

  test('may be in a file, and another one once the file has changed', async () => {
    const [a, b] = [await issuerKey('a'), await issuerKey('b')]
    const file = (...keys: (typeof a)[]) => JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })
    await using setup = await startSetup({ source: 'jwks: keys.json', files: { 'keys.json': file(a) } })
    expect((await setup.send(await sign(a))).status).toBe(200)

    const { writeFile } = await import('node:fs/promises')
    await writeFile(`${setup.gateway.folder}/keys.json`, file(b))

    expect((await setup.send(await sign(b))).status).toBe(200)
    expect((await setup.send(await sign(a))).status).toBe(401)
  })
})

describe('a config', () => {
  test.for([
    ['no key source', 'clockTolerance: 5s'],
    ['two key sources', `jwks: "https://id.example.test", secret: ${'x'.repeat(32)}`],
    ['http off loopback', 'jwks: "http://id.example.test/keys"'],
    ['another scheme', 'jwks: "ftp://id.example.test/keys"'],
    ['a user name in the URL', 'jwks: "https://a:b@id.example.test/keys"'],
    ['a file that is not there', 'jwks: no.json'],
    ['a short secret', 'secret: short'],
    ['a MAC beside a key set', 'jwks: "https://id.example.test", algorithms: [ES256, HS256]'],
    ['no algorithm', 'jwks: "https://id.example.test", algorithms: [none]'],
    ['a private key', 'publicKey: "-----BEGIN PRIVATE KEY-----"'],
    ['a claim told as host', 'jwks: "https://id.example.test", forwardClaims: { sub: host }'],
  ] as const)('with %s does not load', async ([, options]) => {
    await using origin = await startOrigin()

    await expect(
      startGateway(`
routes:
  orders: { match: /orders, upstream: "${origin.url}", plugins: [{ jwt: { issuer: "${ISSUER}", ${options} } }] }
`),
    ).rejects.toThrow()
  })

  test('with http off loopback loads with `insecure: true`, the issuer unasked', async () => {
    await using setup = await startSetup({ source: 'jwks: "http://id.example.test/keys", insecure: true' })

    expect((await setup.gateway.fetch('/orders')).status).toBe(401)
  })
})
