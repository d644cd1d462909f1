/** Answers that one gateway kept and another gives: what is shared, and what never is. */
import { hash } from 'node:crypto'
import { request as ask, type RequestListener } from 'node:http'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

/** Each test has a fleet of its own. */
let fleets = 0

interface Fleet extends AsyncDisposable {
  readonly origin: Origin
  readonly prefix: string
  readonly one: TestGateway
  readonly other: TestGateway
}

async function fleet(
  answer: RequestListener,
  { cache = '{ ttl: 1h }', redis: server = redis }: { cache?: string; redis?: TestRedis } = {},
): Promise<Fleet> {
  const origin = await startOrigin(answer)
  const prefix = `fleet${fleets++}:`
  const yaml = `
store: { redis: "${server.url}", prefix: "${prefix}", timeout: 2s }
consumers:
  shop: { keys: ["sha256:${hash('sha256', 'shop')}"] }
  app: { keys: ["sha256:${hash('sha256', 'app')}"] }
routes:
  open: { match: /open/*, upstream: "${origin.url}", host: www.example, public: test, plugins: [cache: ${cache}] }
  own: { match: /own/*, upstream: "${origin.url}", plugins: [api-key, cache: ${cache}] }
`
  const [one, other] = await Promise.all([startGateway(yaml), startGateway(yaml)])
  for (const gateway of [one, other]) await vi.waitFor(() => expect(shares(gateway)).toBe(true), 60_000)
  return {
    ...{ origin, prefix, one, other },
    async [Symbol.asyncDispose]() {
      await Promise.all([one, other, origin].map((part) => part[Symbol.asyncDispose]()))
    },
  }
}

const shares = ({ log }: TestGateway) => log.some(({ message }) => message === 'caches share answers through the store')

/** As if both were behind one name: an answer's key holds the authority. */
function get(gateway: TestGateway, path: string, headers: Record<string, string> = {}) {
  return send({ port: gateway.port, path, headers: { host: 'www.example', ...headers } })
}

function post({ port }: TestGateway, path: string) {
  return send({ port, path, headers: { host: 'www.example' }, method: 'POST' })
}

interface Sent {
  readonly port: number
  readonly path: string
  readonly headers: Record<string, string>
  readonly method?: string
}

function send(sent: Sent) {
  return new Promise<{ status: number; head: NodeJS.Dict<string | string[]>; body: Buffer; hit: boolean }>(
    (resolve, reject) => {
      const call = ask({ host: '127.0.0.1', agent: false, ...sent }, async (response) => {
        const body = Buffer.concat(await response.toArray())
        const hit = String(response.headers['cache-status']).includes('; hit')
        resolve({ status: response.statusCode!, head: response.headers, body, hit })
      })
      call.on('error', reject)
      call.end()
    },
  )
}

const keysOf = ({ prefix }: Fleet) => redis.client.keys(`${prefix}answer:*`)

/** An answer is written behind the client's back: its names and itself. */
const kept = (of: Fleet, count: number) =>
  vi.waitFor(async () => expect(await keysOf(of)).toHaveLength(2 * count), 60_000)

/** What the gateway has for a path, filled on the one and kept in Redis. */
async function fill(of: Fleet, path: string): Promise<void> {
  const before = (await keysOf(of)).length / 2
  expect(await get(of.one, path)).toMatchObject({ hit: false })
  await kept(of, before + 1)
}

const plain: RequestListener = (_, response) => void response.end('answer')

const purge = ({ adminUrl }: TestGateway, body: object) =>
  fetch(`${adminUrl}/api/cache/purge`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

test('asks the origin once for two gateways, whatever bytes it answers', async () => {
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256))
  await using of = await fleet((_, response) => void response.writeHead(203, 'Fine', { 'x-a': 'é' }).end(bytes))
  await fill(of, '/open/1')
  const first = await get(of.one, '/open/1')

  const second = await get(of.other, '/open/1')

  expect(second).toMatchObject({ status: 203, hit: true })
  expect(second.body.equals(bytes)).toBe(true)
  expect(second.head['x-a']).toBe(first.head['x-a'])
  expect(of.origin.requests).toHaveLength(1)
})

test('goes on counting an answer’s age where it came from elsewhere', async () => {
  await using of = await fleet(
    (_, response) => void response.writeHead(200, { 'cache-control': 'max-age=60', age: '40' }).end(),
  )
  await fill(of, '/open/1')

  const { head } = await get(of.other, '/open/1')

  expect(Number(head.age)).toBeGreaterThanOrEqual(40)
  expect(Number(head.age)).toBeLessThan(50)
  for (const key of await keysOf(of)) expect(await redis.client.pttl(key)).toBeLessThanOrEqual(20_000)
})

test('gives each request the variant that its fields choose', async () => {
  await using of = await fleet(
    (request, response) =>
      void response.writeHead(200, { vary: 'accept-language' }).end(request.headers['accept-language'] ?? 'none'),
  )
  const languages: Record<string, string>[] = [{ 'accept-language': 'de' }, { 'accept-language': 'fr' }, {}]
  for (const language of languages) await get(of.one, '/open/1', language)
  await vi.waitFor(async () => expect(await keysOf(of)).toHaveLength(4), 60_000)

  const answers = []
  for (const language of languages) answers.push(await get(of.other, '/open/1', { 'x-more': '1', ...language }))

  expect(answers.map(({ body, hit }) => [String(body), hit])).toEqual([
    ['de', true],
    ['fr', true],
    ['none', true],
  ])
  expect(await get(of.other, '/open/1', { 'accept-language': 'it' })).toMatchObject({ hit: false })
})

test('keeps consumers apart, and names neither them nor URLs to Redis', async () => {
  await using of = await fleet((request, response) => void response.end(request.headers['x-consumer']))
  await get(of.one, '/own/secret-path', { 'x-api-key': 'shop' })
  await kept(of, 1)

  const app = await get(of.other, '/own/secret-path', { 'x-api-key': 'app' })
  const shop = await get(of.other, '/own/secret-path', { 'x-api-key': 'shop' })

  expect([String(app.body), app.hit]).toEqual(['app', false])
  expect([String(shop.body), shop.hit]).toEqual(['shop', true])
  expect((await keysOf(of)).join()).not.toMatch(/secret-path|shop|example/)
})

test.for<[string, object]>([
  ['route', { route: 'open' }],
  ['url', { url: '/open/*' }],
  ['tag', { tag: 'goods' }],
])('gives nothing back that was purged by %s, and keeps what comes after', async ([, meant]) => {
  await using of = await fleet((_, response) => void response.writeHead(200, { 'cache-tag': 'goods' }).end())
  await fill(of, '/open/1')

  expect(await purge(of.one, meant)).toMatchObject({ status: 200 })

  expect(await get(of.one, '/open/1')).toMatchObject({ hit: false })
  await vi.waitFor(async () => expect((await get(of.other, '/open/1')).hit).toBe(true), 60_000)
  expect(of.origin.requests.length).toBeLessThanOrEqual(3)
})

test('gives back what a purge did not mean', async () => {
  await using of = await fleet(plain)
  await fill(of, '/open/1')
  await purge(of.one, { url: '/open/2' })
  // What is on its way while a gateway hears of a purge is not taken in: it hears of this one here.
  await get(of.other, '/open/3')

  expect(await get(of.other, '/open/1')).toMatchObject({ hit: true })
})

test('a purge makes other gateways refuse what is in Redis at once', async () => {
  await using of = await fleet(plain)
  await fill(of, '/open/1')
  await purge(of.one, { route: 'open' })

  expect(await get(of.other, '/open/1')).toMatchObject({ hit: false })
})

test('forgets for all what an unsafe request may have changed', async () => {
  await using of = await fleet(plain)
  await fill(of, '/open/1')
  await post(of.one, '/open/1')

  expect(await get(of.one, '/open/1')).toMatchObject({ hit: false })
  expect(of.origin.requests).toHaveLength(3)
})

test.for<[string, (value: Buffer) => Buffer]>([
  ['is cut', (value) => value.subarray(0, -1)],
  ['is empty', () => Buffer.alloc(0)],
  ['is longer', (value) => Buffer.concat([value, Buffer.from('x')])],
  ['has another byte in its body', (value) => Buffer.concat([value.subarray(0, -1), Buffer.from('x')])],
  ['is of another version', (value) => Buffer.concat([Buffer.from('SLA9'), value.subarray(4)])],
  ['is no answer at all', () => Buffer.from('{"status":200}')],
])('asks the origin where what is in Redis %s', async ([, spoil]) => {
  await using of = await fleet(plain)
  await fill(of, '/open/1')
  const [key] = (await keysOf(of)).sort((a, b) => b.length - a.length)
  await redis.client.set(key!, spoil((await redis.client.getBuffer(key!))!), 'KEEPTTL')

  expect(await get(of.other, '/open/1')).toMatchObject({ status: 200, hit: false, body: Buffer.from('answer') })
})

test('never takes the answer of one URL for another’s', async () => {
  await using of = await fleet((request, response) => void response.end(request.url))
  await fill(of, '/open/1')
  const first = await keysOf(of)
  await fill(of, '/open/2')
  const entry = (keys: string[]) => keys.sort((a, b) => b.length - a.length)[0]!
  const from = entry(first)
  const to = entry((await keysOf(of)).filter((key) => !first.includes(key)))
  await redis.client.set(to, (await redis.client.getBuffer(from))!, 'KEEPTTL')

  expect(String((await get(of.other, '/open/2')).body)).toBe('/open/2')
})

test('keeps to itself what is over maxObject with its head', async () => {
  await using of = await fleet((_, response) => void response.end(Buffer.alloc(1000)), {
    cache: '{ ttl: 1h, maxObject: 1000B }',
  })
  await get(of.one, '/open/1')

  expect(await get(of.one, '/open/1')).toMatchObject({ hit: true })
  expect(await get(of.other, '/open/1')).toMatchObject({ hit: false })
  expect(await keysOf(of)).toEqual([])
})

test('serves without Redis what it has, asks the origin for the rest, and shares again when it is back', async () => {
  await using server = await startRedis()
  await using of = await fleet(plain, { redis: server })
  await get(of.one, '/open/1')
  await server.kill()

  expect(await get(of.one, '/open/1')).toMatchObject({ status: 200, hit: true })
  expect(await get(of.other, '/open/1')).toMatchObject({ status: 200, hit: false })
  expect((await purge(of.one, { route: 'open' })).status).toBe(503)

  await server.restart()
  let path = 0
  await vi.waitFor(
    async () => {
      path++
      await get(of.one, `/open/again/${path}`)
      expect(await get(of.other, `/open/again/${path}`)).toMatchObject({ hit: true })
    },
    { timeout: 5000, interval: 50 },
  )
})
