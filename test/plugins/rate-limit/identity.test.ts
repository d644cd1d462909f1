/** Limits below an authenticator: by consumer unless told otherwise, by claim, and for those who prove nothing. */
import { createHash } from 'node:crypto'
import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../../support/gateway.ts'
import { startOrigin } from '../../support/origin.ts'

const SECRET = 'a secret that is long enough for HS256'
const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`

function yaml(origin: string, plugins: string): string {
  return `
consumers:
  shop: { keys: ["${digest('key-of-shop')}", "${digest('other-key-of-shop')}"] }
  app: { keys: ["${digest('key-of-app')}"] }
routes:
  orders: { match: /*, upstream: ${origin}, ${plugins} }
`
}

async function status(gateway: TestGateway, headers: Record<string, string> = {}): Promise<number> {
  return (await gateway.fetch('/', { headers })).status
}

async function bearer(claims: Record<string, unknown>): Promise<Record<string, string>> {
  const token = new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setIssuer('i').setAudience('a')
  const text = await token.setExpirationTime('1h').sign(new TextEncoder().encode(SECRET))
  return { authorization: `Bearer ${text}` }
}

test('counts by consumer below an authenticator, whichever of its keys a consumer uses', async () => {
  await using origin = await startOrigin()
  const plugins = 'plugins: [api-key, rate-limit: { max: 1, window: 1h }]'
  await using gateway = await startGateway(yaml(origin.url, plugins))

  expect(await status(gateway, { 'x-api-key': 'key-of-shop' })).toBe(200)
  expect(await status(gateway, { 'x-api-key': 'other-key-of-shop' })).toBe(429)
  expect(await status(gateway, { 'x-api-key': 'key-of-app' })).toBe(200)
})

test('counts the anonymous by address, apart from every consumer', async () => {
  await using origin = await startOrigin()
  const plugins = 'public: test, plugins: [api-key: { optional: true }, rate-limit: { max: 1, window: 1h }]'
  await using gateway = await startGateway(yaml(origin.url, plugins))

  expect(await status(gateway)).toBe(200)
  expect(await status(gateway)).toBe(429)
  expect(await status(gateway, { 'x-api-key': 'key-of-shop' })).toBe(200)
})

test('never counts requests that the authenticator above refuses', async () => {
  await using origin = await startOrigin()
  const plugins = 'plugins: [api-key, rate-limit: { max: 1, window: 1h, by: ip }]'
  await using gateway = await startGateway(yaml(origin.url, plugins))

  expect(await status(gateway, { 'x-api-key': 'wrong' })).toBe(401)
  expect(await status(gateway, { 'x-api-key': 'key-of-shop' })).toBe(200)
  expect(await status(gateway, { 'x-api-key': 'key-of-app' })).toBe(429)
})

test('counts by claim, and tokens without the claim by address', async () => {
  await using origin = await startOrigin()
  const plugins = `plugins: [jwt: { issuer: i, audience: a, secret: "${SECRET}" }, rate-limit: { max: 1, window: 1h, by: "claim:tenant" }]`
  await using gateway = await startGateway(yaml(origin.url, plugins))

  expect(await status(gateway, await bearer({ sub: '1', tenant: 'x' }))).toBe(200)
  expect(await status(gateway, await bearer({ sub: '2', tenant: 'x' }))).toBe(429)
  expect(await status(gateway, await bearer({ sub: '3', tenant: 'y' }))).toBe(200)
  expect(await status(gateway, await bearer({ sub: '4' }))).toBe(200)
  expect(await status(gateway, await bearer({ sub: '5' }))).toBe(429)
})

test.for(['consumer', '"claim:tenant"'])(
  'refuses a config that counts by %s where nobody authenticates',
  async (by) => {
    await using origin = await startOrigin()

    const started = startGateway(
      yaml(origin.url, `public: test, plugins: [rate-limit: { max: 1, window: 1h, by: ${by} }]`),
    )

    await expect(started).rejects.toThrow()
  },
)
