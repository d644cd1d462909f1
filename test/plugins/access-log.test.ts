/** The access log: one line per exchange, whole, from the decision record, and no secret in it. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange } from '../support/wire.ts'
import { lines } from './access-log/lines.ts'

const sha = (text: string) => createHash('sha256').update(text).digest('hex')

const logging = (upstream: string, more = '') => `
plugins: [{ access-log: { to: access.log } }]
upstreams: { origin: ["${upstream}"] }
routes:
  orders: { match: /orders/*, upstream: origin, public: test }
${more}`

test('says of a forwarded exchange who asked what, who answered, how long it took and what was decided', async () => {
  await using origin = await startOrigin((request, response) => {
    request.resume().on('end', () => response.writeHead(201).end('created'))
  })
  await using gateway = await startGateway(logging(origin.url))

  const response = await gateway.fetch('/orders/./1?x=1', { method: 'POST', body: 'hello' })
  const [line] = await lines(gateway, 1)

  expect(line).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    id: response.headers.get('x-request-id'),
    listener: 'listen[0]',
    client: '127.0.0.1',
    method: 'POST',
    scheme: 'http',
    host: '127.0.0.1',
    path: '/orders/1',
    query: '?x=1',
    route: 'orders',
    status: 201,
    code: null,
    source: 'upstream',
    consumer: null,
    upstream: 'origin',
    target: origin.url,
    attempts: 1,
    received: 5,
    sent: 7,
    durationMs: expect.any(Number),
    upstreamMs: expect.any(Number),
    overheadMs: expect.any(Number),
    aborted: false,
    trace: String(origin.requests[0]!.headers['traceparent']).slice(3, 35),
    request: { headers: {}, query: {} },
    decisions: expect.arrayContaining([
      expect.objectContaining({ plugin: 'access-log', verdict: 'skip', mode: 'enforce' }),
    ]),
  })
})

test('has a line for what never reached a route or an upstream', async () => {
  await using gateway = await startGateway(logging('http://127.0.0.1:1'))

  await gateway.fetch('/nowhere')
  await gateway.fetch('/orders/1')
  const logged = await lines(gateway, 2)

  expect(logged.map(({ route, status, code, source }) => ({ route, status, code, source }))).toEqual([
    { route: null, status: 404, code: 'route-not-found', source: 'gateway' },
    { route: 'orders', status: 502, code: 'upstream-refused', source: 'gateway' },
  ])
})

test('says what a plugin decided, in observe mode too', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(
    logging(
      origin.url,
      `  watched:
    match: /watched
    upstream: origin
    public: test
    plugins: [{ ip-filter: { deny: [127.0.0.1], mode: observe } }]
`,
    ),
  )

  await gateway.fetch('/watched')
  const [line] = await lines(gateway, 1)

  expect(line).toMatchObject({ status: 200, route: 'watched' })
  expect(line!['decisions']).toContainEqual({
    plugin: 'ip-filter',
    item: 'routes.watched/ip-filter#0',
    verdict: 'refuse',
    reason: expect.any(String),
    mode: 'observe',
    inputs: { address: '127.0.0.1' },
  })
})

test('marks an exchange whose client left', async () => {
  await using origin = await startOrigin(() => {})
  await using gateway = await startGateway(logging(origin.url))
  const request = httpRequest(`${gateway.url}/orders/1`, { agent: false })
  request.on('error', () => {})
  request.end()
  await vi.waitFor(() => expect(origin.requests).toHaveLength(1), 60_000)

  request.destroy()
  const [line] = await lines(gateway, 1)

  expect(line).toMatchObject({ status: 499, code: 'client-closed', aborted: true, upstream: 'origin', attempts: 1 })
})

describe('secrets', () => {
  const key = 'slk_shop_0123456789abcdef'
  const keyed = (upstream: string) => `
plugins: [{ access-log: { to: access.log, headers: [authorization, cookie, x-api-key, user-agent, x-many] } }]
consumers: { shop: { keys: ["sha256:${sha(key)}"] } }
routes:
  orders:
    match: /orders
    upstream: "${upstream}"
    plugins: [{ api-key: { query: key } }, { rate-limit: { max: 5, window: 1m, by: "header:x-api-key" } }]
`

  test('are hashes in the line, wherever they came from', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(keyed(origin.url))
    const cookie = 'session=topsecretsession'
    const authorization = 'Bearer abc.def.ghi'

    await gateway.fetch('/orders?a=1', { headers: { 'x-api-key': key, cookie, authorization, 'user-agent': 'test' } })
    await gateway.fetch(`/orders?a=1&key=${key}&access_token=other-secret&b`)
    const logged = await lines(gateway, 2)

    expect(logged[0]).toMatchObject({
      status: 200,
      query: '?a=1',
      consumer: { source: 'key', name: 'shop', id: 'key:shop' },
      request: {
        headers: {
          authorization: `sha256:${sha(authorization).slice(0, 16)}`,
          cookie: `sha256:${sha(cookie).slice(0, 16)}`,
          'x-api-key': `sha256:${sha(key).slice(0, 16)}`,
          'user-agent': 'test',
        },
      },
    })
    expect(logged[1]).toMatchObject({
      status: 200,
      query: `?a=1&key=sha256:${sha(key).slice(0, 16)}&access_token=sha256:${sha('other-secret').slice(0, 16)}&b`,
    })
    const text = await readFile(join(gateway.folder, 'access.log'), 'utf8')
    for (const secret of [key, 'topsecretsession', 'abc.def.ghi', 'other-secret']) expect(text).not.toContain(secret)
  })

  test('stay hidden when their names are percent-encoded, and when they are wrong', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(keyed(origin.url))

    await exchange(gateway.port, `GET /orders?%6bey=${key} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await exchange(gateway.port, `GET /orders HTTP/1.1\r\nHost: a\r\nX-Api-Key: ${key}x\r\nx_api_key: ${key}\r\n\r\n`)
    const logged = await lines(gateway, 2)

    expect(logged.map(({ status }) => status)).toEqual([200, 401])
    expect(await readFile(join(gateway.folder, 'access.log'), 'utf8')).not.toContain(key)
  })

  test('stay hidden when a plugin records them', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      `
plugins: [{ access-log: { to: access.log } }]
routes:
  all: { match: /*, upstream: "${origin.url}", public: test, plugins: [./careless.ts] }
`,
      {
        files: {
          'careless.ts': `
export const schema = { type: 'object', additionalProperties: false, properties: {} }
export const traits = {}
export default function careless(scope: { addHook: Function }) {
  scope.addHook('onRequest', ({ exchange }: any) => {
    exchange.decide('pass', 'looked', { seen: exchange.headerValues('authorization'), token: 'abc.def.ghi', big: 1n })
    exchange.decide('pass', 'looked', { seen: exchange.headerValues('authorization'), token: 'abc.def.ghi' })
  })
}
`,
        },
      },
    )

    await gateway.fetch('/', { headers: { authorization: 'Bearer abc.def.ghi' } })
    const [line] = await lines(gateway, 1)

    expect(JSON.stringify(line)).not.toContain('abc.def.ghi')
    expect(line!['decisions']).toContainEqual(expect.objectContaining({ inputs: { unserialisable: true } }))
  })
})

test('keeps the parts that some match reads, so that replay can decide again', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(
    logging(
      origin.url,
      `  gold:
    match: { paths: [/tier], headers: { x-tier: gold }, query: { v: "2" } }
    upstream: origin
    public: test
`,
    ),
  )

  await exchange(
    gateway.port,
    'GET /tier?v=2&w=3&%76=%32 HTTP/1.1\r\nHost: a\r\nX-Tier: gold\r\nx-tier: more\r\nx-other: 1\r\n\r\n',
  )
  const [line] = await lines(gateway, 1)

  expect(line).toMatchObject({
    route: 'gold',
    request: { headers: { 'x-tier': ['gold', 'more'] }, query: { v: ['2', '2'] } },
  })
})

test('cannot be made to write a second line', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(logging(origin.url))

  await exchange(gateway.port, 'GET /orders/%0a%22?q=1 HTTP/1.1\r\nHost: a\r\n\r\n')
  await exchange(gateway.port, 'GET /orders/1?q=%0d%0a"\\ HTTP/1.1\r\nHost: a\r\n\r\n')
  await gateway.fetch('/orders/after')

  expect((await lines(gateway, 3)).map(({ status, query }) => [status, query])).toEqual([
    [400, '?q=1'],
    [200, '?q=%0d%0a"\\'],
    [200, ''],
  ])
})

test('writes one line where the plugin stands twice, and to each file where there are two', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(`
plugins: [{ access-log: { to: access.log } }]
routes:
  one: { match: /one, upstream: "${origin.url}", public: test, plugins: [{ access-log: { to: access.log } }] }
  two: { match: /two, upstream: "${origin.url}", public: test, plugins: [{ access-log: { to: two.log } }] }
`)

  await gateway.fetch('/one')
  await gateway.fetch('/two')

  expect((await lines(gateway, 2)).map(({ route }) => route)).toEqual(['one', 'two'])
  expect((await lines(gateway, 1, 'two.log')).map(({ route }) => route)).toEqual(['two'])
})

test('loses no line over reloads', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(logging(origin.url))

  for (let i = 0; i < 10; i++) {
    await gateway.fetch(`/orders/${i}`)
    await gateway.reload(logging(origin.url, `  r${i}: { match: /r${i}, upstream: origin, public: test }\n`))
  }

  expect((await lines(gateway, 10)).map(({ path }) => path)).toEqual(
    Array.from({ length: 10 }, (_, i) => `/orders/${i}`),
  )
})

test('goes on serving when the disk is full, and counts what it lost', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(logging(origin.url).replace('access.log', '/dev/full'))

  for (let i = 0; i < 20; i++) expect((await gateway.fetch('/orders/1')).status).toBe(200)

  await vi.waitFor(
    async () => expect(await gateway.metrics()).toMatch(/^sluice_access_log_dropped_total [1-9]/m),
    60_000,
  )
  expect(gateway.log.filter(({ message }) => String(message).includes('access log cannot be written'))).toHaveLength(1)
})

test.for([
  ['no/such/folder/access.log', /cannot log to .*no such file/],
  ['.', /cannot log to .* is a directory/],
] as const)('does not load with the file %s', async ([to, message]) => {
  await using gateway = await startGateway(logging('http://127.0.0.1:1'))

  const result = await gateway.reload(logging('http://127.0.0.1:1').replace('access.log', to))

  expect(result.ok).toBe(false)
  expect(JSON.stringify(result)).toMatch(message)
})
