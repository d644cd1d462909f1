/** Trailers (RFC 9110 §6.5), both ways: which go on, and what becomes of those that say too much. */
import { expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { answering, scriptedOrigin } from '../support/scripted-origin.ts'
import { exchange } from '../support/wire.ts'

const open = (port: number, plugins = '') =>
  `routes:\n  all: { match: /*, upstream: "http://127.0.0.1:${port}", public: "test" }\n${plugins}`
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
