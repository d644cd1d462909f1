/** The last answer of a connection, to clients that go on sending, and to those that have ended their side. */
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { makeCertificate } from '../support/certificate.ts'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { openWire, type Wire } from '../support/wire.ts'

const config =
  'limits: { headTimeout: 1s, idleTimeout: 1s }\nroutes: { all: { match: /*, upstream: "builtin://echo", public: test } }\n'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
/** Node's parser goes on behind its refusal, which only the gateway knows to be the last answer. */
const twoHosts = 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nTrailer: x\r\n\r\n'
const bytes = 'x'.repeat(16 * 1024)

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
  for (let i = 0; i < 200 && !wire.socket.destroyed; i++) {
    wire.send(piece)
    await new Promise(setImmediate)
  }
  return failure
}

test.for([
  ['is malformed', 'POST / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n', 400, bytes],
  [
    'has two lengths',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    400,
    bytes,
  ],
  ['is the last that it asks', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 200, bytes],
  ['is of HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\n\r\n', 200, bytes],
  ['is refused, and the next is well-formed', twoHosts, 400, get],
] as const)(
  'a client that goes on sending gets its answer, and no reset, where its request %s',
  async ([, request, status, piece]) => {
    await using gateway = await startGateway(config)
    const wire = await openWire(gateway.port)
    wire.socket.allowHalfOpen = true
    wire.socket.setNoDelay(true)
    wire.send(request)

    const failure = await sendUntilClosed(wire, piece)

    expect(wire.received).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(failure).toBeNull()
    wire.close()
  },
)

test.for([
  ['is malformed', 'GET / HTTP/1.1\r\nX : y\r\n\r\n'],
  ['is the last that it asks', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
] as const)(
  'a client that sends without end is cut off long before a gibibyte, where its request %s',
  async ([, request]) => {
    await using gateway = await startGateway(config)
    const wire = await openWire(gateway.port, { allowHalfOpen: false })
    wire.socket.allowHalfOpen = true
    const piece = Buffer.alloc(256 * 1024, 'x')
    let taken = 0
    const more = () => {
      taken = wire.socket.bytesWritten
      while (!wire.socket.destroyed && wire.socket.write(piece));
    }
    wire.socket.on('drain', more)

    wire.send(request)
    more()
    // With a reset, which is no failure here.
    await new Promise((resolve) => wire.socket.on('close', resolve))

    expect(wire.received).toMatch(/^HTTP\/1.1 [24]00 /)
    // Its ten seconds are enough for more; some of it is on its way when 64 MiB have been read.
    expect(taken).toBeLessThan(2 ** 30)
  },
)

test('blank lines do not keep an idle connection', async () => {
  await using gateway = await startGateway(config)
  const wire = await openWire(gateway.port)
  wire.send('GET / HTTP/1.1\r\nHost: a\r\nTrailer: x\r\n\r\n')
  await wire.until(/^HTTP\/1.1 200 /)
  const blank = setInterval(() => wire.send('\r\n'), 100)

  // With a reset where a blank line was on its way, which is no failure here.
  await new Promise((resolve) => wire.socket.once('close', resolve))

  clearInterval(blank)
  expect(wire.received.match(/HTTP\/1.1/g)).toHaveLength(1)
})

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

test.for([
  ['a request', get, ['close']],
  ['the last of two', get + get, ['keep-alive', 'close']],
  ['half a body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello', ['close']],
] as const)(
  'a client that has ended its side is told that the answer to %s is the last',
  async ([, sent, expected]) => {
    let asked = Promise.withResolvers<void>()
    await using origin = await startOrigin((request, response) => {
      request.on('error', () => {})
      // What is answered before the end has been seen says nothing of it: the gateway asks whether the client is there.
      void asked.promise.then(() => response.end('ok'))
    })
    await using gateway = await startGateway(`routes: { all: { match: /*, upstream: "${origin.url}", public: test } }`)
    // With a trailer announced it is Node's parser that reads.
    for (const bytes of [sent, sent.replaceAll('Host: a', 'Host: a\r\nTrailer: x')]) {
      asked = Promise.withResolvers()
      const wire = await openWire(gateway.port, { allowHalfOpen: true })
      wire.until(/ 100 Continue/).then(
        () => asked.resolve(),
        () => {},
      )

      wire.socket.end(bytes)

      const told = (await wire.closed()).matchAll(/HTTP\/1.1 [2-5][0-9]{2} [\s\S]*?\r\nconnection: ([a-z-]+)/gi)
      expect([...told].map(([, what]) => what)).toEqual(expected)
    }
  },
)

test.for([
  ['an answer of the gateway', get, 1],
  ['forty of them', get.repeat(40), 40],
  ['those of an upstream', get.replace(' / ', ' /delay/20 ').repeat(3), 3],
  ['a refusal', get.replace(' / ', ' /closed '), 1],
  ['one to a body, and another', `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok${get}`, 2],
  ['the answer in front of a blank line', `${get}\r\n`, 1],
] as const)('a client that ends its side with its requests gets %s, over TLS too', async ([, sent, count]) => {
  const { cert, key } = makeCertificate()
  await using gateway = await startGateway(
    `listen: [http://127.0.0.1:0, { url: https://127.0.0.1:0, certificates: [{ cert: c.pem, key: k.pem }] }]
routes:
  local: { match: /, respond: { status: 200, body: { ok: true } }, public: test }
  echo: { match: /delay/*, upstream: "builtin://echo", public: test }
  closed: { match: /closed, upstream: "builtin://echo", plugins: [api-key] }
`,
    { files: { 'c.pem': cert, 'k.pem': key } },
  )
  const [plain, secure] = [...gateway.gateway.addresses.values()].map(({ port }) => port)
  for (const [port, options] of [
    [plain!, { allowHalfOpen: true }],
    [secure!, { allowHalfOpen: true, tls: {} }],
  ] as const) {
    const wire = await openWire(port, options)
    wire.socket.end(sent)

    const received = await wire.closed()

    const told = [...received.matchAll(/HTTP\/1\.1 [2-5][0-9]{2} (?:.+\r\n)*?connection: ([a-z-]+)/gim)]
    expect(told).toHaveLength(count)
    expect(told.slice(0, -1).every(([, what]) => what === 'keep-alive')).toBe(true)
  }
})
