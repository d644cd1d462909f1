/** What Node's parser is given of a connection: pipelined requests a few at a time, bodies whole, and nothing of a tunnel. */
import { createHash } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { accepted, handshake, tunnelConfig } from '../proxy/handshake.ts'
import { makeCertificate } from '../support/certificate.ts'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { scriptedOrigin } from '../support/scripted-origin.ts'
import { openWire } from '../support/wire.ts'

const { cert, key } = makeCertificate()
const ways = [
  ['plain', '', undefined],
  ['TLS', 'listen: [{ url: "https://127.0.0.1:0", certificates: [{ cert: a.crt, key: a.key }] }]\n', {}],
] as const
const files = { 'a.crt': cert, 'a.key': key }
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
/** Not plain: from here on the connection is Node's. */
const chunked = (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`

/** Counts the requests of a gateway that Node's parser has made objects of. */
function parsed(gatewayPort: number): { count: number } & Disposable {
  const onRequest = (message: unknown) => {
    const { socket } = message as { socket: { localPort?: number } }
    if (socket.localPort === gatewayPort) counted.count++
  }
  const counted = { count: 0, [Symbol.dispose]: () => void unsubscribe('http.server.request.start', onRequest) }
  subscribe('http.server.request.start', onRequest)
  return counted
}

test.for(ways)('%s: behind an answer that takes its time few requests are parsed', async ([, listen, tls]) => {
  const slow = Promise.withResolvers<() => void>()
  await using origin = await startOrigin((request, response) => {
    if (request.url === '/slow') request.resume().on('end', () => slow.resolve(() => response.end('<slow>')))
    else response.end(`<${request.url}>`)
  })
  await using gateway = await startGateway(
    `${listen}routes: { all: { match: /*, upstream: "${origin.url}", public: test } }`,
    { files },
  )
  using requests = parsed(gateway.port)
  const wire = await openWire(gateway.port, tls === undefined ? {} : { tls })
  const paths = Array.from({ length: 1000 }, (_, i) => `/${i}`)
  let most = 0
  let answers = 0
  wire.socket.on('data', (chunk: Buffer) => {
    answers += chunk.toString('latin1').split('HTTP/1.1 200').length - 1
    most = Math.max(most, requests.count - answers)
  })

  wire.send(`${chunked('/slow')}0\r\n\r\n${paths.map(get).join('')}`)
  const answer = await slow.promise
  // All that the gateway has room for is read by the time that another connection is served.
  const other = await openWire(gateway.port, tls === undefined ? {} : { tls })
  other.send(get('/other'))
  await other.until(/<\/other>/)
  most = Math.max(most, requests.count)
  answer()
  const received = await wire.until(/<\/999>/)

  expect(received.match(/<.*?>/g)).toEqual(['<slow>', ...paths.map((path) => `<${path}>`)])
  expect(most).toBeLessThan(100)
  wire.close()
  other.close()
})

test.for(ways)('%s: a client that ends its side behind many requests gets every answer', async ([, listen, tls]) => {
  await using origin = await startOrigin((request, response) => {
    request.resume().on('end', () => setTimeout(() => response.end(), request.url === '/slow' ? 50 : 0))
  })
  await using gateway = await startGateway(
    `${listen}routes: { all: { match: /*, upstream: "${origin.url}", public: test } }`,
    { files },
  )
  const wire = await openWire(gateway.port, { allowHalfOpen: true, ...(tls === undefined ? {} : { tls }) })

  wire.socket.end(`${chunked('/slow')}0\r\n\r\n${get('/').repeat(3000)}`)

  expect((await wire.closed()).split('HTTP/1.1 200 OK').length - 1).toBe(3001)
})

test.for(ways)('%s: a large body in chunks comes whole, and the requests behind it', async ([, listen, tls]) => {
  await using origin = await startOrigin((request, response) => {
    const digest = createHash('sha256')
    request.on('data', (piece) => digest.update(piece))
    request.on('end', () => response.end(`<${request.url} ${digest.digest('hex')}>`))
  })
  await using gateway = await startGateway(
    `${listen}routes: { all: { match: /*, upstream: "${origin.url}", public: test } }`,
    { files },
  )
  using requests = parsed(gateway.port)
  const wire = await openWire(gateway.port, tls === undefined ? {} : { tls })
  const piece = Array.from({ length: 10_000 }, (_, i) => String.fromCharCode(i % 251)).join('')
  const body = `${chunked('/large')}${`2710\r\n${piece}\r\n`.repeat(400)}0\r\n\r\n`
  const digest = createHash('sha256')
    .update(Buffer.from(piece.repeat(400), 'latin1'))
    .digest('hex')

  wire.send(`${body}${get('/a')}${body}${get('/z')}`)

  const received = await wire.until(/<\/z .*?>/)
  const answers = received.match(/<.*?>/g)?.map((answer) => answer.replace(digest, 'whole').slice(0, 14))
  expect(answers).toEqual(['</large whole>', '</a e3b0c44298', '</large whole>', '</z e3b0c44298'])
  expect(requests.count).toBe(4)
  wire.close()
})

test.for(ways)('%s: what comes along with an upgrade goes into its tunnel, however much', async ([, listen, tls]) => {
  const early = Array.from({ length: 20_000 }, (_, i) => `${i},`).join('')
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(accepted)
    const came = await connection.bytes(early.length)
    await connection.send(`<${came === early}>`)
  })
  await using gateway = await startGateway(`${listen}${tunnelConfig(origin.port)}`, { files })
  const wire = await openWire(gateway.port, tls === undefined ? {} : { tls })

  wire.send(`${handshake('/ws')}${early}`)

  expect(await wire.until(/<.*>/)).toContain('<true>')
  wire.close()
})
