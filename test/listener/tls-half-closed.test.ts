/** Clients that end their side of a TLS connection (RFC 8446 §6.1) and wait for their answer, or have left: as without TLS. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { handshake, tunnelOrigin } from '../proxy/handshake.ts'
import { makeCertificate } from '../support/certificate.ts'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { scriptedOrigin } from '../support/scripted-origin.ts'
import { openWire } from '../support/wire.ts'

const { cert, key } = makeCertificate()

const start = (upstream: string, more = '') =>
  startGateway(
    `
listen: [{ url: "https://127.0.0.1:0", certificates: [{ cert: a.crt, key: a.key }] }]
${more}
routes: { a: { match: /*, upstream: "${upstream}", public: "test" } }
`,
    { files: { 'a.crt': cert, 'a.key': key } },
  )

/** Answers after a while, so that the client's end is here before. */
const late = () => startOrigin((_request, response) => void setTimeout(() => response.end('late'), 60))

describe('a client that ends its side over TLS is answered', () => {
  test.for([
    ['a request', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 1],
    ['requests in a row', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2), 2],
    ['a request that is the last', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 1],
    ['a request of HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\n\r\n', 1],
    ['a request with a body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi', 1],
    [
      'a request with chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
      1,
    ],
  ] as const)('behind %s', async ([, bytes, count]) => {
    await using origin = await late()
    await using gateway = await start(origin.url)
    const wire = await openWire(gateway.port, { tls: {}, allowHalfOpen: true })

    wire.socket.end(bytes)

    expect((await wire.closed()).match(/HTTP\/1\.1 200/g)).toHaveLength(count)
    expect(wire.received.match(/late/g)).toHaveLength(count)
  })

  test('in a tunnel', async () => {
    await using origin = await tunnelOrigin(({ socket }) => {
      let heard = ''
      socket.on('data', (chunk) => {
        heard += chunk
      })
      socket.prependListener('end', () => socket.write(`heard ${heard}`))
    })
    await using gateway = await start(`http://127.0.0.1:${origin.port}`)
    const wire = await openWire(gateway.port, { tls: {}, allowHalfOpen: true })
    wire.send(handshake('/'))
    await wire.until(/\r\n\r\n/)

    wire.socket.end('bye')

    expect(await wire.closed()).toMatch(/\r\n\r\nheard bye$/)
  })
})

describe('a client that leaves over TLS', () => {
  test.for(['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe', ''])(
    'ends its exchange, after %j of its answer',
    async (bytes) => {
      await using origin = await scriptedOrigin(async (connection) => {
        await connection.request()
        await connection.send(bytes)
      })
      await using gateway = await start(`http://127.0.0.1:${origin.port}`)
      const wire = await openWire(gateway.port, { tls: {} })
      wire.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      await expect.poll(() => origin.connections.length).toBe(1)
      if (bytes !== '') await wire.until(/he$/)

      wire.close()

      await expect.poll(() => origin.connections[0]!.isClosed).toBe(true)
    },
  )

  test('leaves no connection behind: idle, within a head, or before it has said hello', async () => {
    await using gateway = await start('builtin://echo', 'limits: { headTimeout: 1h, idleTimeout: 1h }')
    const ended: Promise<unknown>[] = []
    for (const bytes of ['', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'GET / HT']) {
      const wire = await openWire(gateway.port, { tls: {}, allowHalfOpen: true })
      wire.send(bytes)
      if (bytes.endsWith('\r\n')) await wire.until(/\r\n\r\n/)
      wire.socket.end()
      ended.push(wire.closed())
    }
    for (const bytes of ['', '\x16\x03\x01\x02\x00\x01\x00']) {
      const raw = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true }).resume()
      raw.on('error', () => {})
      ended.push(once(raw, 'end').then(() => raw.destroy()))
      raw.end(bytes, 'latin1')
    }

    await Promise.all(ended)
  })
})
