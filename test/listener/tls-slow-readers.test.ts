/** What clients hold that ask over TLS for a large answer, and do not read it. */
import { once } from 'node:events'
import { connect } from 'node:tls'
import { expect, test } from 'vitest'
import { makeCertificate } from '../support/certificate.ts'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange } from '../support/wire.ts'

test('an answer from the cache is encrypted as it is read, not whole for each client', async () => {
  const body = Array.from({ length: 1_000_000 }, (_, i) => String.fromCharCode(97 + (i % 23))).join('')
  await using origin = await startOrigin((_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': body.length }).end(body)
  })
  const { cert, key } = makeCertificate()
  await using gateway = await startGateway(
    `listen: [{ url: "https://127.0.0.1:0", certificates: [{ cert: a.crt, key: a.key }] }]
routes: { all: { match: /*, upstream: "${origin.url}", public: test, plugins: [cache] } }`,
    { files: { 'a.crt': cert, 'a.key': key } },
  )
  const request = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'
  const whole = async () => (await exchange(gateway.port, request, { tls: {} })).split('\r\n\r\n')
  expect((await whole())[1]).toBe(body)
  const before = process.memoryUsage().rss

  const clients = await Promise.all(
    Array.from({ length: 150 }, async () => {
      const socket = connect({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      socket.write(request)
      // The head is here, and of the body what was to be sent without being read.
      await once(socket, 'readable')
      return socket
    }),
  )
  const [head, after] = await whole()

  // Held whole for each it is 200 MB, and 105 so: most of that is what TLS takes on both sides.
  expect((process.memoryUsage().rss - before) / 1e6).toBeLessThan(150)
  expect(after).toBe(body)
  expect(head).toContain('cache-status: sluice; hit')
  for (const client of clients) client.destroy()
})
