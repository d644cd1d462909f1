/** The last answer of a connection, to clients that go on sending. */
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { openWire, type Wire } from '../support/wire.ts'

const config =
  'limits: { headTimeout: 1s, idleTimeout: 1s }\nroutes: { all: { match: /*, upstream: "builtin://echo", public: test } }\n'

async function sendUntilClosed(wire: Wire, piece: string): Promise<Error | null> {
  let failure: Error | null = null
  wire.socket.on('error', (error) => {
    failure = error
  })
  const ended = once(wire.socket, 'end').then(() => true)
  while (!wire.socket.destroyed) {
    wire.send(piece)
    if (await Promise.race([ended, new Promise((resolve) => setImmediate(resolve, false))])) break
  }
  // More is under way when the answer has come: a connection that is closed at once answers it with a reset.
  for (let i = 0; i < 20 && !wire.socket.destroyed; i++) {
    wire.send(piece)
    await new Promise(setImmediate)
  }
  return failure
}

test.for([
  ['is malformed', 'POST / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n', 400],
  ['has two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
  ['is the last that it asks', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 200],
  ['is of HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\n\r\n', 200],
] as const)(
  'a client that goes on sending gets its answer, and no reset, where its request %s',
  async ([, request, status]) => {
    await using gateway = await startGateway(config)
    const wire = await openWire(gateway.port)
    wire.socket.allowHalfOpen = true
    wire.send(request)

    const failure = await sendUntilClosed(wire, 'x'.repeat(16 * 1024))

    expect(wire.received).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(failure).toBeNull()
    wire.close()
  },
)

test('blank lines do not keep an idle connection', async () => {
  await using gateway = await startGateway(config)
  const wire = await openWire(gateway.port)
  wire.send('GET / HTTP/1.1\r\nHost: a\r\nTrailer: x\r\n\r\n')
  await wire.until(/^HTTP\/1.1 200 /)
  const blank = setInterval(() => wire.send('\r\n'), 100)

  await wire.closed()

  clearInterval(blank)
  expect(wire.received.match(/HTTP\/1.1/g)).toHaveLength(1)
}, 10_000)

test('limits that together are longer than a timer can wait keep an idle connection', async () => {
  await using gateway = await startGateway(config.replaceAll('1s', '24d'))
  const wire = await openWire(gateway.port)
  const request = 'GET / HTTP/1.1\r\nHost: a\r\nTrailer: x\r\n\r\n'
  wire.send(request)
  await wire.until(/^HTTP\/1.1 200 /)
  // As long as a timer that Node has taken for none would need.
  await new Promise((resolve) => setTimeout(resolve, 50))
  wire.send(request)

  await wire.until(/HTTP\/1.1 200 [\s\S]*HTTP\/1.1 200 /)
  wire.close()
})
