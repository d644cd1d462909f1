/** Trailers (RFC 9110 §6.5), both ways: which go on, and what becomes of those that say too much. */
import { describe, expect, test } from 'vitest'
import { native } from '../generation/plugin-files.ts'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { answering, scriptedOrigin } from '../support/scripted-origin.ts'
import { exchange, openWire, statusOf } from '../support/wire.ts'

const open = (port: number, more = '') =>
  `routes:\n  all: { match: /*, upstream: "http://127.0.0.1:${port}", public: "test" }\n${more}`
const post = (trailers: string, fields = '') =>
  `POST / HTTP/1.1\r\nHost: a\r\n${fields}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n${trailers}\r\n`

/** An upstream that answers with the names of the trailers it got. */
function telling() {
  return startOrigin((request, response) => {
    request.resume().on('end', () => response.end(`got ${Object.keys(request.trailers).join()}`))
  })
}

// RFC 9110 §7.6.1: header and trailer fields.
test('a trailer of the client that its Connection names does not go on', async () => {
  await using origin = await telling()
  await using gateway = await startGateway(open(origin.port))

  const answer = await exchange(gateway.port, post('x-hop: 1\r\nX-Sum: 1\r\n', 'Connection: X-Hop\r\n'))

  expect(answer).toMatch(/got x-sum$/)
})

test('a trailer of the upstream that its Connection names does not go on', async () => {
  const fields = 'Connection: X-Hop\r\nTransfer-Encoding: chunked\r\n'
  await using origin = await scriptedOrigin(
    answering(`HTTP/1.1 200 OK\r\n${fields}\r\n2\r\nok\r\n0\r\nx-hop: 1\r\nX-Sum: 1\r\n\r\n`),
  )
  await using gateway = await startGateway(open(origin.port))

  const answer = await exchange(gateway.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')

  expect(answer).toMatch(/\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n$/)
})

// RFC 9110 §6.5.1; `_` is `-` to CGI and WSGI origins.
const forbidden = [
  ['framing and the connection', 'Trailer TE Keep-Alive Proxy-Connection Content_Length'],
  ['routing', 'Host Max-Forwards Via Forwarded'],
  [
    'request modifiers',
    'Cache-Control Pragma Range If-Match If-None-Match If-Modified-Since If-Unmodified-Since If-Range If_Match',
  ],
  ['authentication', 'Authorization Proxy-Authorization Cookie Set-Cookie WWW-Authenticate Proxy-Authenticate'],
  ['response control data', 'Age Date Expires Location Retry-After Vary Warning'],
  ['content format', 'Content-Type Content-Encoding Content-Range Content-Location'],
] as const
const allowed = 'ETag: "1"\r\nDigest: x\r\nGrpc-Status: 0\r\nServer-Timing: x\r\n'
const lines = (names: string) => names.replaceAll(/\S+ ?/g, (name) => `${name.trim()}: 1\r\n`)

test.for(forbidden)('a trailer about %s does not go on to the upstream', async ([, names]) => {
  await using origin = await telling()
  await using gateway = await startGateway(open(origin.port))

  const answer = await exchange(gateway.port, post(lines(names) + allowed))

  expect(answer).toMatch(/got etag,digest,grpc-status,server-timing$/)
})

test.for(forbidden)('a trailer about %s does not go on to the client', async ([, names]) => {
  await using origin = await scriptedOrigin(
    answering(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${lines(names)}${allowed}\r\n`),
  )
  await using gateway = await startGateway(open(origin.port))

  const answer = await exchange(gateway.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')

  expect(answer.slice(answer.indexOf('\r\n\r\n'))).toBe(`\r\n\r\n0\r\n${allowed}\r\n`)
})

test('a trailer of a name that keys are looked for under does not go on', async () => {
  await using origin = await telling()
  const other =
    '  other: { match: /other, upstream: "http://127.0.0.1:1", plugins: [{ api-key: { header: x-our-key } }] }\n'
  await using gateway = await startGateway(open(origin.port, other))

  const answer = await exchange(gateway.port, post('X-Our-Key: 1\r\nx_our_key: 2\r\nX-Sum: 1\r\n'))

  expect(answer).toMatch(/got x-sum$/)
})

const some = (count: number, length: number) =>
  Array.from({ length: count }, (_, i) => `X-${i % 10}: ${'y'.repeat(length - 7)}\r\n`).join('')

test.for([
  ['too many', 431, some(11, 10)],
  ['too long', 431, some(3, 400)],
  ['more than Node’s parser takes', 431, some(10, 2000)],
  ['as many as a head may have', 200, some(10, 10)],
  ['as long as a head may be', 200, some(1, 1024)],
] as const)('trailers that are %s: %i', async ([, status, trailers]) => {
  const ends: string[] = []
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.take((text) => (/\r\n0\r\n(?:.+\r\n)*\r\n$/.test(text) ? text.length : -1))
    ends.push('whole')
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  })
  const limits = 'limits: { requestLine: 1KiB, headers: 10, headerBytes: 1KiB }\n'
  await using gateway = await startGateway(limits + open(origin.port))
  const wire = await openWire(gateway.port)

  // The upstream has the request by then.
  wire.send(post(trailers).slice(0, -trailers.length - 2))
  await expect.poll(() => origin.connections[0]?.received).toMatch(/abc/)
  wire.send(`${trailers}\r\n`)
  const answer = await wire.until(/\r\n\r\n/)
  wire.close()

  expect(statusOf(answer)).toBe(status)
  if (status === 431) await origin.connections[0]!.closed()
  expect(ends).toEqual(status === 431 ? [] : ['whole'])
})

// Node's parser reads nothing behind such a trailer, whoever said that more may come (RFC 9112 §9.6).
describe.each([
  ['the upstream', ''],
  ['the upstream, as a plugin changes it', ', plugins: [./own.js]'],
  ['the upstream, through a foreign plugin', ', plugins: [./foreign.js]'],
])('an answer of %s', (_, plugins) => {
  const files = {
    'own.js': native(`scope.addHook('onSend', async (_, reply, payload) => payload)`),
    'foreign.js': 'export default async () => {}',
  }

  test.for(['Connection: close', 'connection: a, Close', 'Proxy-Connection: close'])(
    'to a request with the trailer %j says that it is the last, and is',
    async (trailer) => {
      await using origin = await telling()
      await using gateway = await startGateway(
        `routes:\n  all: { match: /*, upstream: "${origin.url}", public: t${plugins} }\n`,
        { files },
      )
      const wire = await openWire(gateway.port)

      wire.send(`${post(`${trailer}\r\nX-Sum: 1\r\n`)}GET /behind HTTP/1.1\r\nHost: a\r\n\r\n`)
      const answer = await wire.closed()

      expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*^connection: close\r\n[\s\S]*got x-sum/im)
      expect(answer.match(/^HTTP/gm)).toHaveLength(1)
      expect(origin.requests.map(({ url }) => url)).toEqual(['/'])
    },
  )
})
