/** RFC 9110 §5.5: bytes above ASCII in a field are opaque. They reach the client as they came, whichever way the answer takes. */
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { response, type Script, scriptedOrigin } from '../support/scripted-origin.ts'
import { openWire } from '../support/wire.ts'

const fields = 'X-Name: caf\xe9\r\nContent-Disposition: attachment; filename="\xe9\xc3\xa9.txt"\r\n'

const answers = {
  'of a declared length': `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${fields}\r\nok`,
  'without a body': `HTTP/1.1 304 Not Modified\r\n${fields}\r\n`,
  'of unknown length': `HTTP/1.1 200 OK\r\n${fields}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
} as const

const websocket =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

const requests = {
  'a kept connection': 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'a connection that is to close': 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'a kept connection after a body': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi',
  'a connection that is to close after a body':
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi',
  'HTTP/1.0': 'GET / HTTP/1.0\r\nHost: a\r\n\r\n',
  'HTTP/1.0 that is kept': 'GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n',
  'a refused upgrade': `GET / HTTP/1.1\r\nHost: a\r\n${websocket}\r\n`,
} as const

const answersWith =
  (answer: string): Script =>
  async (connection) => {
    for (;;) {
      if (/^content-length: 2\r$/im.test(await connection.request())) await connection.bytes(2)
      await connection.send(answer)
    }
  }

const ways = Object.keys(requests) as (keyof typeof requests)[]
const forms = Object.keys(answers) as (keyof typeof answers)[]
const set = 'headers: { response: { set: { content-disposition: "attachment; filename=\\"\xef.txt\\"" } } }'

describe.for(forms)('bytes above ASCII in the head of an answer %s are the client’s', (form) => {
  test.for(ways)('on %s', async (way) => {
    await using origin = await scriptedOrigin(answersWith(answers[form]))
    await using gateway = await startGateway(
      `routes: { all: { match: /*, upstream: "http://127.0.0.1:${origin.port}", public: "test" } }`,
    )
    const wire = await openWire(gateway.port)
    wire.send(requests[way])

    const head = await wire.until(/\r\n\r\n/)

    expect(head).toContain(fields)
    wire.close()
  })
})

test.for(ways)('bytes above ASCII that a plugin sets are the client’s on %s', async (way) => {
  await using origin = await scriptedOrigin(answersWith(response('ok')))
  await using gateway = await startGateway(`
routes:
  all: { match: /*, upstream: "http://127.0.0.1:${origin.port}", public: "test", plugins: [{ ${set} }] }
`)
  const wire = await openWire(gateway.port)
  wire.send(requests[way])

  const head = await wire.until(/\r\n\r\n/)

  expect(head).toMatch(/^content-disposition: attachment; filename="\xef\.txt"\r$/m)
  wire.close()
})
