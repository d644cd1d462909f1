/** concurrency through a running gateway: who holds a place, how long, and what gives it back. */
import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { expect, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { openWire } from '../support/wire.ts'

/** On a machine with other work. */
const soon = { timeout: 60_000 }

function yaml(origin: string, options: string, { above = '', below = '' } = {}): string {
  return `
consumers: { shop: { keys: ["${digest('key-of-shop')}"] }, app: { keys: ["${digest('key-of-app')}"] } }
upstreams: { origin: ["${origin}"] }
routes:
  orders: { match: /*, upstream: origin, public: test, plugins: [${above}concurrency: { ${options} }${below}] }
`
}

const digest = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`

/** An origin that answers when it is told to. */
async function startWaiting() {
  const waiting: ServerResponse[] = []
  const origin = await startOrigin((_, response) => void waiting.push(response))
  return { origin, waiting, [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose]() }
}

test('admits exactly max at a time, refuses the others with 429, and admits again as answers end', async () => {
  await using upstream = await startWaiting()
  await using gateway = await startGateway(yaml(upstream.origin.url, 'max: 3'))

  const first = Array.from({ length: 3 }, () => gateway.fetch('/'))
  await vi.waitFor(() => expect(upstream.waiting).toHaveLength(3), soon)
  const refused = await Promise.all(Array.from({ length: 5 }, () => gateway.fetch('/')))
  for (const response of upstream.waiting.splice(0)) response.end()
  const admitted = await Promise.all(first)
  const next = gateway.fetch('/')
  await vi.waitFor(() => expect(upstream.waiting).toHaveLength(1), soon)
  upstream.waiting[0]!.end()

  expect(admitted.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(refused.map(({ status }) => status)).toEqual([429, 429, 429, 429, 429])
  expect(refused[0]!.headers.get('retry-after')).toBe('1')
  expect(await refused[0]!.json()).toMatchObject({ code: 'rate-limited' })
  expect((await next).status).toBe(200)
  expect(await gateway.metrics()).toContain(
    'sluice_rejections_total{route="orders",plugin="concurrency",reason="rate-limited",mode="enforce"} 5',
  )
})

test('gives the place back when the client leaves before the answer', async () => {
  await using upstream = await startWaiting()
  await using gateway = await startGateway(yaml(upstream.origin.url, 'max: 1'))

  for (let i = 1; i <= 3; i++) {
    const client = await openWire(gateway.port)
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    await vi.waitFor(() => expect(upstream.waiting).toHaveLength(i), soon)
    client.close()
    await vi.waitFor(async () => expect(await gateway.metrics()).toMatch(/^sluice_inflight_requests 0$/m), soon)
  }
})

test('gives the place back when the upstream dies, and when the gateway itself refuses further down', async () => {
  await using origin = await startOrigin((_, response) => void response.socket?.destroy())
  await using gateway = await startGateway(yaml(origin.url, 'max: 1'))
  await using below = await startGateway(yaml(origin.url, 'max: 1', { below: ', rate-limit: { max: 1, window: 1h }' }))

  for (let i = 0; i < 3; i++) expect((await gateway.fetch('/')).status).toBe(502)
  expect((await below.fetch('/')).status).toBe(502)
  for (let i = 0; i < 3; i++) {
    const refused = await below.fetch('/')
    expect(await refused.json()).toMatchObject({ detail: expect.stringContaining('is used up') })
  }
})

test('takes no place for a client that left while a plugin above was waited for', async () => {
  await using origin = await startOrigin()
  const slow = `export const schema = { type: 'object', additionalProperties: false }
export const traits = {}
let waiting = 0
export default (scope) => scope.addHook('onRequest', async () => {
  if (waiting++ > 0) return
  await new Promise((done) => process.once('has-thought', done))
  scope.log.info({}, 'has waited')
})`
  await using gateway = await startGateway(yaml(origin.url, 'max: 1', { above: './slow.js, ' }), {
    files: { 'slow.js': slow },
  })
  const client = await openWire(gateway.port)
  client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await vi.waitFor(async () => expect(await gateway.metrics()).toMatch(/^sluice_inflight_requests 1$/m), soon)

  client.close()

  await vi.waitFor(async () => expect(await gateway.metrics()).toMatch(/^sluice_inflight_requests 0$/m), soon)
  process.emit('has-thought' as never)
  await vi.waitFor(() => expect(gateway.log.map(({ message }) => message)).toContain('has waited'), soon)
  for (let i = 0; i < 3; i++) expect((await gateway.fetch('/')).status).toBe(200)
})

test('counts a WebSocket for its whole life', async () => {
  await using origin = await startOrigin()
  const sockets = new WebSocketServer({ server: origin.server })
  await using gateway = await startGateway(yaml(origin.url, 'max: 1'))
  const socket = new WebSocket(gateway.url.replace('http', 'ws'))
  await vi.waitFor(() => expect(socket.readyState).toBe(WebSocket.OPEN), soon)

  expect((await gateway.fetch('/')).status).toBe(429)

  socket.close()
  await vi.waitFor(async () => expect((await gateway.fetch('/')).status).toBe(200), soon)
  sockets.close()
})

test('counts consumers below an authenticator, each apart', async () => {
  await using upstream = await startWaiting()
  const text = yaml(upstream.origin.url, 'max: 1', { above: 'api-key, ' }).replace('public: test, ', '')
  await using gateway = await startGateway(text)
  const as = (key: string) => gateway.fetch('/', { headers: { 'x-api-key': key } })

  const shop = as('key-of-shop')
  await vi.waitFor(() => expect(upstream.waiting).toHaveLength(1), soon)
  const app = as('key-of-app')
  await vi.waitFor(() => expect(upstream.waiting).toHaveLength(2), soon)

  expect((await as('key-of-shop')).status).toBe(429)
  for (const response of upstream.waiting) response.end()
  expect([(await shop).status, (await app).status]).toEqual([200, 200])
})

test('keeps its count over a reload that changes max, and loses nothing when old requests end', async () => {
  await using upstream = await startWaiting()
  const text = (max: number) => yaml(upstream.origin.url, `max: ${max}`)
  await using gateway = await startGateway(text(1))
  const old = gateway.fetch('/')
  await vi.waitFor(() => expect(upstream.waiting).toHaveLength(1), soon)

  expect(await gateway.reload(text(2))).toMatchObject({ ok: true })
  const second = gateway.fetch('/')
  await vi.waitFor(() => expect(upstream.waiting).toHaveLength(2), soon)
  expect((await gateway.fetch('/')).status).toBe(429)

  for (const response of upstream.waiting.splice(0)) response.end()
  await Promise.all([old, second])
  const after = [gateway.fetch('/'), gateway.fetch('/')]
  await vi.waitFor(() => expect(upstream.waiting).toHaveLength(2), soon)
  for (const response of upstream.waiting) response.end()
  expect((await Promise.all(after)).map(({ status }) => status)).toEqual([200, 200])
})

test('only counts what it would have refused under observe', async () => {
  await using upstream = await startWaiting()
  await using gateway = await startGateway(yaml(upstream.origin.url, 'max: 1, mode: observe'))

  const all = [gateway.fetch('/'), gateway.fetch('/'), gateway.fetch('/')]
  await vi.waitFor(() => expect(upstream.waiting).toHaveLength(3), soon)
  for (const response of upstream.waiting) response.end()

  expect((await Promise.all(all)).map(({ status }) => status)).toEqual([200, 200, 200])
  expect(await gateway.metrics()).toContain(
    'sluice_rejections_total{route="orders",plugin="concurrency",reason="rate-limited",mode="observe"} 2',
  )
})
