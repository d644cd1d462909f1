/** API keys over real sockets: who gets through, what the origin sees of it, and the ways around that must not exist. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { openWire, statusOf } from '../support/wire.ts'

const KEY = 'slk_shop_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG_deadbeef'
const OLD = 'slk_shop_old'
const FOREIGN = 'schlüssel-mit-ü-0123456789'
const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`

const config = (upstream: string, options = '{}') => `
consumers:
  shop:
    groups: [partner]
    keys:
      - ${digest(KEY)}
      - { hash: "${digest(FOREIGN)}", id: legacy }
      - { hash: "${digest(OLD)}", id: old, expires: "2020-01-31" }
routes:
  orders:
    match: /orders/*
    upstream: ${upstream}
    plugins: [{ api-key: ${options} }]
`

async function start(options?: string) {
  const origin = await startOrigin()
  const gateway = await startGateway(config(origin.url, options))
  return {
    origin,
    gateway,
    /** Sends a request with these header lines as they are, and gives everything that comes back. */
    async send(lines: readonly string[], target = '/orders/1', method = 'GET') {
      const wire = await openWire(gateway.port)
      wire.send([`${method} ${target} HTTP/1.1`, 'host: api', ...lines, 'connection: close', '', ''].join('\r\n'))
      return wire.closed()
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await origin[Symbol.asyncDispose]()
    },
  }
}

describe('an API key', () => {
  test('names its consumer to the upstream, which does not see the key', async () => {
    await using setup = await start()
    const { gateway, origin } = setup

    const response = await gateway.fetch('/orders/1', { headers: { 'X-API-Key': KEY } })

    expect(response.status).toBe(200)
    expect(origin.requests[0]?.headers).toMatchObject({
      'x-consumer': 'shop',
      'x-consumer-source': 'key',
      'x-consumer-groups': 'partner',
    })
    expect(JSON.stringify(origin.requests)).not.toContain(KEY)
  })

  test('is seen by the upstream with `forward: true`', async () => {
    await using setup = await start('{ forward: true }')

    await setup.gateway.fetch('/orders/1', { headers: { 'x-api-key': KEY } })

    expect(setup.origin.requests[0]?.headers['x-api-key']).toBe(KEY)
  })

  test('may come in another header', async () => {
    await using setup = await start('{ header: X-Key }')

    expect((await setup.gateway.fetch('/orders/1', { headers: { 'x-key': KEY } })).status).toBe(200)
    expect((await setup.gateway.fetch('/orders/1', { headers: { 'x-api-key': KEY } })).status).toBe(401)
  })

  test('may have characters beyond ASCII', async () => {
    await using setup = await start()

    const answer = await setup.send([`x-api-key: ${Buffer.from(FOREIGN).toString('latin1')}`])

    expect(statusOf(answer)).toBe(200)
  })

  test('may come in the query, from which it is taken before the request is forwarded', async () => {
    await using setup = await start('{ query: key }')
    const { gateway, origin } = setup

    const plain = await gateway.fetch(`/orders/1?a=1&key=${KEY}&b=%20`)
    const encoded = await gateway.fetch(`/orders/1?%6Bey=${KEY.replaceAll('_', '%5F')}`)

    expect([plain.status, encoded.status]).toEqual([200, 200])
    expect(origin.requests.map(({ url }) => url)).toEqual(['/orders/1?a=1&b=%20', '/orders/1'])
  })
})

describe('a request without a good API key', () => {
  // One gateway for all: nothing that is refused changes it.
  let setup: Awaited<ReturnType<typeof start>>
  beforeAll(async () => {
    setup = await start('{ query: key }')
  })
  afterAll(() => setup[Symbol.asyncDispose]())

  test.for([
    ['no key', [], '/orders/1', 'credentials-missing'],
    ['a key in a header of nearly that name', [`x_api_key: ${KEY}`], '/orders/1', 'credentials-missing'],
    ['a key as bearer token', [`authorization: Bearer ${KEY}`], '/orders/1', 'credentials-missing'],
    ['a key in a query parameter of nearly that name', [], `/orders/1?KEY=${KEY}`, 'credentials-missing'],
    ['a key in the path', [], `/orders/key=${KEY}`, 'credentials-missing'],
    ['an empty key', ['x-api-key:'], '/orders/1', 'credentials-invalid'],
    ['an empty key in the query', [], '/orders/1?key=', 'credentials-invalid'],
    ['an unknown key', ['x-api-key: slk_shop_other'], '/orders/1', 'credentials-invalid'],
    ['the hash instead of the key', [`x-api-key: ${digest(KEY)}`], '/orders/1', 'credentials-invalid'],
    ['a key in other case', [`x-api-key: ${KEY.toLowerCase()}`], '/orders/1', 'credentials-invalid'],
    ['an expired key', [`x-api-key: ${OLD}`], '/orders/1', 'credentials-invalid'],
    ['a scheme before the key', [`x-api-key: Bearer ${KEY}`], '/orders/1', 'credentials-invalid'],
    ['the key twice', [`x-api-key: ${KEY}`, `x-api-key: ${KEY}`], '/orders/1', 'credentials-invalid'],
    ['two keys in a line', [`x-api-key: ${KEY}, ${KEY}`], '/orders/1', 'credentials-invalid'],
    ['a bad key, then a good one', ['x-api-key: no', `X-Api-Key: ${KEY}`], '/orders/1', 'credentials-invalid'],
    ['a key in header and query', [`x-api-key: ${KEY}`], `/orders/1?key=${KEY}`, 'credentials-invalid'],
    ['two keys in the query', [], `/orders/1?key=${KEY}&key=${KEY}`, 'credentials-invalid'],
  ] as const)('with %s is 401 and stays away from the origin', async ([, lines, target, code]) => {
    const answer = await setup.send(lines, target)

    expect(statusOf(answer)).toBe(401)
    expect(answer).toContain(`"code":"${code}"`)
    expect(answer).toMatch(/^www-authenticate: ApiKey header="x-api-key", query="key"\r$/im)
    expect(answer).not.toContain(KEY)
    expect(setup.origin.requests).toEqual([])
  })

  test.for(['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'get'])(
    'is not let through as %s',
    async (method) => {
      const answer = await setup.send(['content-length: 0'], '/orders/1', method)

      expect(statusOf(answer)).not.toBe(200)
      expect(setup.origin.requests).toEqual([])
    },
  )
})

describe('what a client says about itself', () => {
  test('never reaches the upstream as identity', async () => {
    await using setup = await start()

    await setup.send([
      `x-api-key: ${KEY}`,
      'x_api_key: smuggled',
      'X-Consumer: root',
      'x_consumer: root',
      'x-consumer-groups: admin',
      'x_consumer_groups: admin',
    ])

    const [{ rawHeaders } = { rawHeaders: [] }] = setup.origin.requests
    const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
    expect(names.filter((name) => /consumer|key/.test(name)).sort()).toEqual([
      'x-consumer',
      'x-consumer-groups',
      'x-consumer-source',
    ])
    expect(setup.origin.requests[0]?.headers['x-consumer']).toBe('shop')
  })
})

describe('the optional forms', () => {
  test('`optional: true` lets nobody be somebody: no key is anonymous, a bad one is 401', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      config(origin.url, '{ optional: true }').replace('match:', 'public: "prices are for all"\n    match:'),
    )

    const anonymous = await gateway.fetch('/orders/1', { headers: { 'x-consumer': 'shop' } })
    const bad = await gateway.fetch('/orders/1', { headers: { 'x-api-key': 'wrong' } })
    const good = await gateway.fetch('/orders/1', { headers: { 'x-api-key': KEY } })

    expect([anonymous.status, bad.status, good.status]).toEqual([200, 401, 200])
    expect(origin.requests.map(({ headers }) => headers['x-consumer'])).toEqual([undefined, 'shop'])
  })

  test('`mode: observe` authenticates nobody: the route does not load without saying why it is public', async () => {
    await using origin = await startOrigin()

    await expect(startGateway(config(origin.url, '{ mode: observe }'))).rejects.toThrow()
  })

  test('`mode: observe` lets all through, as nobody, and counts whom it would have refused', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      config(origin.url, '{ mode: observe }').replace('match:', 'public: "being introduced"\n    match:'),
    )

    const bad = await gateway.fetch('/orders/1', { headers: { 'x-api-key': 'wrong' } })
    const good = await gateway.fetch('/orders/1', { headers: { 'x-api-key': KEY } })

    expect([bad.status, good.status]).toEqual([200, 200])
    expect(origin.requests.map(({ headers }) => headers['x-consumer'])).toEqual([undefined, undefined])
    expect(await gateway.metrics()).toMatch(
      /^sluice_rejections_total\{route="orders",plugin="api-key",reason="credentials-invalid",mode="observe"\} 1$/m,
    )
  })
})
