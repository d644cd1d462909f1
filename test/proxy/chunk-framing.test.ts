/** What stands around the bytes of a chunked body: chunk lines and their extensions, which no limit of the parser counts whole. */
import { expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange, openWire, statusOf } from '../support/wire.ts'

/** Reading so many chunks holds the thread up, on a busy machine for longer than it waits for a connection. */
const config = `
limits: { bodyIdle: 1h }
upstreams: { echo: { targets: ["builtin://echo"], timeouts: { connect: 1h } } }
routes: { all: { match: /*, upstream: echo, public: test } }
`
const post = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
const end = '0\r\n\r\n'

test.for([
  ['a byte in each', `1\r\na\r\n`.repeat(100_000)],
  ['a signature each', `400;chunk-signature=${'f'.repeat(64)}\r\n${'a'.repeat(1024)}\r\n`.repeat(150)],
  ['much before some bytes', `5${';'.repeat(100_000)}a\r\nhello\r\n`],
] as const)('chunks are read that have %s', async ([, chunks]) => {
  await using gateway = await startGateway(config)

  const answer = await exchange(gateway.port, post + chunks + end)

  expect(statusOf(answer)).toBe(200)
})

test.for([
  ['one byte', `1${';'.repeat(4_000_000)}a\r\na\r\n`],
  ['some bytes, again and again', `1${';'.repeat(1000)}a\r\na\r\n`.repeat(4000)],
] as const)('more than any chunk needs is refused around %s', async ([, chunks]) => {
  await using gateway = await startGateway(config)

  const answer = await exchange(gateway.port, post + chunks + end)

  expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*\r\nconnection: close\r\n[\s\S]*"code":"bad-request"/i)
})

test('a chunk line that goes on and on is refused, not waited for', async () => {
  await using gateway = await startGateway(config)
  const wire = await openWire(gateway.port)
  wire.send(`${post}1`)
  const more = setInterval(() => wire.send(';'.repeat(64 * 1024)), 10)

  const answer = await wire.until(/\r\n\r\n/)

  clearInterval(more)
  expect(statusOf(answer)).toBe(400)
  wire.close()
})

test.for([
  ['a byte in each', '1\r\na\r\n'.repeat(60_000) + end],
  ['a signature each', `a;signature=${'f'.repeat(32)}\r\n${'a'.repeat(10)}\r\n`.repeat(10_000) + end],
  [
    'requests behind them',
    `5\r\nhello\r\n${end}${`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`.repeat(30)}`,
  ],
] as const)('chunks that nobody could take yet are read that have %s', async ([, chunks]) => {
  const first = Promise.withResolvers<void>()
  await using origin = await startOrigin((request, response) => {
    request.resume()
    if (request.url === '/first') void first.promise.then(() => response.end())
    else request.on('end', () => response.end('ok'))
  })
  await using gateway = await startGateway(`
upstreams: { one: { targets: ["${origin.url}"], connections: { max: 1 }, retries: { attempts: 2 } } }
routes: { all: { match: /*, upstream: one, public: test } }
`)
  const busy = gateway.fetch('/first')
  await expect.poll(() => origin.requests).toHaveLength(1)
  const wire = await openWire(gateway.port)
  wire.send(post + chunks)
  // The clock looks once a second.
  await new Promise((resolve) => setTimeout(resolve, 1200))
  expect(wire.received).toBe('')
  first.resolve()
  await busy

  expect(statusOf(await wire.until(/\r\n\r\n/))).toBe(200)
  wire.close()
})
