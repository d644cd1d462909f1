/** The embedded origin, over real sockets. */
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startEcho } from '../../src/builtin/echo.ts'

async function startOrigin() {
  const echo = await startEcho()
  return { port: echo.port, url: `http://127.0.0.1:${echo.port}`, [Symbol.asyncDispose]: () => echo.close() }
}

test('describes the request it was sent', async () => {
  await using origin = await startOrigin()

  const response = await fetch(`${origin.url}/orders/1?x=1&x=2&y=%20`, {
    method: 'POST',
    headers: { 'x-tier': 'gold' },
    body: 'hello',
  })

  expect(response.headers.get('content-type')).toBe('application/json')
  expect(await response.json()).toMatchObject({
    method: 'POST',
    url: '/orders/1?x=1&x=2&y=%20',
    path: '/orders/1',
    query: { x: ['1', '2'], y: ' ' },
    headers: { 'x-tier': 'gold', 'content-length': '5' },
    body: 'hello',
    bytes: 5,
    truncated: false,
  })
})

test('cuts a long body in the description, not in the count', async () => {
  await using origin = await startOrigin()

  const response = await fetch(origin.url, { method: 'PUT', body: 'x'.repeat(200_000) })

  const description = (await response.json()) as { body: string }
  expect(description).toMatchObject({ bytes: 200_000, truncated: true })
  expect(description.body).toHaveLength(65_536)
})

test.for([200, 201, 302, 404, 418, 503])('answers /status/%i so', async (status) => {
  await using origin = await startOrigin()

  const response = await fetch(`${origin.url}/status/${status}`, { redirect: 'manual' })

  expect(response.status).toBe(status)
  expect(await response.json()).toMatchObject({ path: `/status/${status}` })
})

test.for([204, 304])('answers /status/%i without a body', async (status) => {
  await using origin = await startOrigin()

  const response = await fetch(`${origin.url}/status/${status}`)

  expect([response.status, await response.text()]).toEqual([status, ''])
})

test('waits as long as /delay says', async () => {
  await using origin = await startOrigin()
  const start = performance.now()

  const response = await fetch(`${origin.url}/delay/60`)

  expect(await response.json()).toMatchObject({ path: '/delay/60' })
  expect(performance.now() - start).toBeGreaterThanOrEqual(59)
})

test('streams exactly the bytes that /bytes says', async () => {
  await using origin = await startOrigin()

  for (const length of [0, 1, 65_536, 1_000_000]) {
    const response = await fetch(`${origin.url}/bytes/${length}`)
    expect(response.headers.get('content-length')).toBe(String(length))
    expect((await response.arrayBuffer()).byteLength).toBe(length)
  }
})

test('does not make the bytes that nobody reads', async () => {
  await using origin = await startOrigin()
  const request = httpRequest(`${origin.url}/bytes/1099511627776`, { agent: false })
  request.end()
  const [response] = await once(request, 'response')
  const before = process.memoryUsage().rss

  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)

  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
  response.destroy()
})

test('sends as many events as asked for', async () => {
  await using origin = await startOrigin()

  const response = await fetch(`${origin.url}/sse?count=2`)

  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect(await response.text()).toMatch(/^id: 1\ndata: \{.*\}\n\nid: 2\ndata: \{.*\}\n\n$/)
})

test('echoes WebSocket messages, text as text and bytes as bytes', async () => {
  await using origin = await startOrigin()
  const socket = new WebSocket(`ws://127.0.0.1:${origin.port}/ws`)
  await once(socket, 'open')

  socket.send('hello')
  const [text, textIsBinary] = await once(socket, 'message')
  socket.send(Buffer.from([1, 2]))
  const [bytes, bytesAreBinary] = await once(socket, 'message')

  expect([String(text), textIsBinary]).toEqual(['hello', false])
  expect([[...bytes], bytesAreBinary]).toEqual([[1, 2], true])
  socket.close()
})

test.for([
  ['/delay/x', 400],
  ['/status/99', 400],
  ['/status/600', 400],
  ['/bytes/-1', 400],
  ['/bytes/99999999999999999999', 400],
  ['/sse?count=x', 400],
  ['/ws', 426],
] as const)('refuses %s with %i', async ([path, status]) => {
  await using origin = await startOrigin()

  expect((await fetch(origin.url + path)).status).toBe(status)
})

test.for(['/delay', '/delay/1/2', '/api/delay/1', '/constructor', '/status/', '/WS'])(
  'describes %s, which is none of its paths',
  async (path) => {
    await using origin = await startOrigin()

    const response = await fetch(origin.url + path)

    expect(await response.json()).toMatchObject(path === '/status/' ? {} : { path })
  },
)

test('refuses a WebSocket elsewhere', async () => {
  await using origin = await startOrigin()
  const socket = new WebSocket(`ws://127.0.0.1:${origin.port}/elsewhere`)

  const [error] = await once(socket, 'error')

  expect(error.message).toMatch(/404/)
})

test('ends endless answers when it closes', async () => {
  const echo = await startEcho()
  const response = await fetch(`http://127.0.0.1:${echo.port}/sse`)

  const reading = response.text().catch((error: Error) => error.name)
  await echo.close()

  expect(await reading).toBe('TypeError')
})
