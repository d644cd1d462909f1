import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange, openWire, statusOf } from '../support/wire.ts'
import { accepted, handshake } from './handshake.ts'

const echo = `
plugins: [metrics]
routes:
  ws: { match: /ws, upstream: builtin://echo, public: "test" }
`

describe('a WebSocket', () => {
  test('carries messages both ways', async () => {
    await using gateway = await startGateway(echo)
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws`)
    await once(socket, 'open')

    socket.send('hello')
    const [message] = await once(socket, 'message')

    expect(String(message)).toBe('hello')
    socket.close()
    await once(socket, 'close')
  })

  test('carries bytes that came along with the handshake', async () => {
    await using gateway = await startGateway(echo)
    const wire = await openWire(gateway.port)
    // A masked text frame "hi" (RFC 6455 §5.7), key 0.
    wire.send(`${handshake('/ws')}\x81\x82\0\0\0\0hi`)

    expect(await wire.until(/\x81\x02hi/)).toMatch(/^HTTP\/1\.1 101 /)
    wire.close()
  })

  test('closes on both sides when one side goes, and is counted once', async () => {
    await using gateway = await startGateway(echo)
    const wire = await openWire(gateway.port)
    wire.send(handshake('/ws'))
    await wire.until(/101/)
    await expect.poll(() => gateway.metrics()).toMatch(/sluice_connections\{kind="ws"\} 1/)

    wire.close()

    await expect.poll(() => gateway.metrics()).toMatch(/sluice_connections\{kind="ws"\} 0/)
    await expect.poll(() => gateway.metrics()).toMatch(/sluice_inflight_requests 0/)
    expect(await gateway.metrics()).toMatch(
      /sluice_http_requests_total\{route="ws",method="GET",code="101",source="upstream"\} 1/,
    )
  })

  test('that the upstream refuses is told so, and closed', async () => {
    await using origin = await startOrigin()
    origin.server.on('upgrade', (_request, socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-Why: no\r\n\r\nno')
    })
    await using gateway = await startGateway(
      `routes:\n  ws: { match: /*, upstream: "${origin.url}", public: "test" }\n`,
    )
    const wire = await openWire(gateway.port)
    wire.send(handshake('/ws'))

    const answer = await wire.closed()

    expect(statusOf(answer)).toBe(403)
    expect(answer).toMatch(/x-why: no[\s\S]*no$/i)
  })

  test('to an upstream that is not there is 502 upstream-refused', async () => {
    const origin = await startOrigin()
    await using gateway = await startGateway(
      `routes:\n  ws: { match: /*, upstream: "${origin.url}", public: "test" }\n`,
    )
    // Not before: the gateway could be given its port.
    await origin[Symbol.asyncDispose]()
    const wire = await openWire(gateway.port)
    wire.send(handshake('/ws'))

    const answer = await wire.closed()

    expect(statusOf(answer)).toBe(502)
    expect(answer).toMatch(/"code":"upstream-refused"/)
  })

  test('survives a reload of its route', async () => {
    await using gateway = await startGateway(echo)
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws`)
    await once(socket, 'open')

    await gateway.reload(`${echo}  more: { match: /more, upstream: builtin://echo, public: "test" }\n`)
    socket.send('still here')

    expect(String((await once(socket, 'message'))[0])).toBe('still here')
    socket.terminate()
  })
})

describe('an upgrade runs the same match and chain as any request', () => {
  const guarded = (url: string) => `
consumers:
  shop: { keys: ["sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"] }
routes:
  ws: { match: /ws, upstream: "${url}", plugins: [api-key] }
`

  test.for([
    ['without a key', '/ws', '', 401],
    ['with a wrong key', '/ws', 'X-Api-Key: wrong\r\n', 401],
    ['to a path without route', '/other', 'X-Api-Key: key\r\n', 404],
    ['to a malformed path', '/ws%00', 'X-Api-Key: key\r\n', 400],
    ['with two Hosts', '/ws', 'Host: b\r\nX-Api-Key: key\r\n', 400],
  ] as const)('%s it is refused, and the upstream sees nothing', async ([, path, headers, status]) => {
    await using origin = await startOrigin()
    let upgrades = 0
    origin.server.on('upgrade', (_request, socket) => {
      upgrades++
      socket.destroy()
    })
    await using gateway = await startGateway(guarded(origin.url))
    const wire = await openWire(gateway.port)
    wire.send(handshake(path, headers))

    const answer = await wire.closed()

    expect(statusOf(answer)).toBe(status)
    expect(answer).toMatch(/"code":"[a-z-]+"/)
    expect(upgrades + origin.requests.length).toBe(0)
  })

  test('with the right key it reaches the upstream, the key withheld and the consumer told', async () => {
    await using origin = await startOrigin()
    const seen: Record<string, unknown>[] = []
    origin.server.on('upgrade', (request, socket) => {
      seen.push(request.headers)
      socket.end(accepted)
    })
    await using gateway = await startGateway(guarded(origin.url))
    const wire = await openWire(gateway.port)
    wire.send(handshake('/ws', 'X-Api-Key: key\r\nX-Consumer: admin\r\n'))

    await wire.closed()

    expect(wire.received).toMatch(/^HTTP\/1\.1 101 /)
    expect(seen[0]).toMatchObject({
      'x-consumer': 'shop',
      'x-consumer-source': 'key',
      host: 'a.example',
      'x-forwarded-for': '127.0.0.1',
    })
    expect(seen[0]).not.toHaveProperty('x-api-key')
  })

  test.for([
    ['another protocol', 'GET', 'Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'],
    ['another method', 'POST', 'Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n'],
    ['no key', 'GET', 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'],
  ] as const)('with %s it is an ordinary request without its Upgrade', async ([, method, headers]) => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      `routes:\n  all: { match: /*, upstream: "${origin.url}", public: "test" }\n`,
    )

    const answer = await exchange(gateway.port, `${method} /ws HTTP/1.1\r\nHost: a\r\n${headers}\r\n`)

    expect(statusOf(answer)).toBe(200)
    expect(origin.requests[0]!.headers).not.toHaveProperty('upgrade')
    expect(origin.requests[0]!.headers).not.toHaveProperty('http2-settings')
  })
})
