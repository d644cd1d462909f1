/** The corpora over sockets: what is doubtful is refused, what is sound is served once, however the bytes are cut and whoever reads them. */
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { scriptedOrigin } from '../support/scripted-origin.ts'
import { openWire, statusOf } from '../support/wire.ts'
import { type Rig, run, startRig } from './corpus.ts'
import { heads } from './head-corpus.ts'
import { bodies, type Case } from './request-corpus.ts'

let rig: Rig

beforeAll(async () => {
  rig = await startRig()
})

afterAll(() => rig[Symbol.asyncDispose]())

async function flawsOf(cases: readonly Case[]): Promise<string[]> {
  const flaws: string[] = []
  const rest = [...cases]
  const worker = async () => {
    for (let one = rest.pop(); one !== undefined; one = rest.pop()) {
      const served = new Set<string>()
      for (const manner of ['whole', 'pieces', 'late'] as const) {
        const result = await run(rig, one, manner)
        served.add(result.served)
        if (result.flaw !== null) flaws.push(`${manner}, ${one[0]}: ${result.flaw}`)
      }
      if (served.size > 1) flaws.push(`${one[0]} depends on how it is sent: ${[...served].join(' or ')}`)
    }
  }
  await Promise.all(Array.from({ length: 12 }, worker))
  return [...flaws, ...rig.origin.complaints]
}

test('bodies that could end in two places are refused, and others served once', async () => {
  expect(await flawsOf(bodies)).toEqual([])
})

test('heads that could be read in two ways are refused, and others served once', async () => {
  expect(await flawsOf(heads)).toEqual([])
})

const host = 'Host: a\r\n'

test.for([
  ['HTTP/1.0', `GET /half HTTP/1.0\r\n${host}\r\n`],
  ['a connection that closes', `GET /half HTTP/1.1\r\n${host}Connection: close\r\n\r\n`],
  ['chunked', `POST /half HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`],
] as const)('a client that half-closes behind a request (%s) is answered (RFC 9112 §9.6)', async ([, bytes]) => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await new Promise((go) => setTimeout(go, 30))
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
  await using gateway = await startGateway(
    `routes: { all: { match: /*, upstream: "http://127.0.0.1:${origin.port}", public: t } }`,
  )
  const wire = await openWire(gateway.port, { allowHalfOpen: true })
  wire.send(bytes)
  wire.socket.end()

  expect(await wire.closed()).toMatch(/HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/)
})

test('a client that leaves while Node’s server reads its connection ends its request to the upstream', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.closed()
  })
  await using gateway = await startGateway(
    `routes: { all: { match: /*, upstream: "http://127.0.0.1:${origin.port}", public: t } }`,
  )
  const socket = connect(gateway.port, '127.0.0.1')
  socket.write(`GET / HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)
  while (origin.connections.length === 0) await new Promise((go) => setTimeout(go, 5))
  socket.destroy()

  await origin.connections[0]!.closed()
})

test('what stands behind an upgrade that is not taken is never read as a request', async () => {
  const wire = await openWire(rig.gateway.port)
  // Node's parser drops what is left of the read; the rest of it would begin in the middle of a body.
  const smuggled = `GET /smuggled HTTP/1.1\r\n${host}\r\n`
  wire.send(
    `GET /upgrade HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n` +
      `POST /behind HTTP/1.1\r\n${host}Content-Length: ${smuggled.length}\r\n\r\n`,
  )
  await wire.until(/\r\n\r\n/)
  wire.send(smuggled)

  const answer = await wire.closed()
  expect(statusOf(answer)).toBe(200)
  expect(answer).toMatch(/^connection: close\r$/im)
  expect(rig.targets.has('/smuggled')).toBe(false)
})

test('a trailer does not go on under a name that is the gateway’s to set (RFC 9110 §6.5.1)', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection
      .take((text) => (text.endsWith('0\r\n\r\n') || /0\r\n[\s\S]+\r\n\r\n$/.test(text) ? text.length : -1))
      .then((text) => seen.push(text))
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  })
  const seen: string[] = []
  await using gateway = await startGateway(
    `routes: { all: { match: /*, upstream: "http://127.0.0.1:${origin.port}", public: t } }`,
  )
  const wire = await openWire(gateway.port)
  const forged =
    'X_Consumer: root\r\nX-Request-Id: 1\r\nX_Forwarded_For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nTransfer_Encoding: chunked\r\n'
  wire.send(`POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n${forged}Checksum: a\r\n\r\n`)
  await wire.until(/ 200 /)
  wire.close()

  expect(seen).toEqual(['0\r\nChecksum: a\r\n\r\n'])
})

test.for([
  ['a length that a double cannot hold', 400, `POST / HTTP/1.1\r\n${host}Content-Length: 9007199254740993\r\n\r\n`],
  ['an https target over a connection that is not secured', 421, `GET https://a/ HTTP/1.1\r\n${host}\r\n`],
  ['an expectation that only begins like 100-continue', 417, `GET / HTTP/1.1\r\n${host}Expect: 100-continue-x\r\n\r\n`],
  ['RTSP', 400, `DESCRIBE / RTSP/1.0\r\n${host}\r\n`],
] as const)('%s is refused', async ([, status, bytes]) => {
  const wire = await openWire(rig.gateway.port)
  wire.send(bytes)

  expect(statusOf(await wire.until(/\r\n\r\n/))).toBe(status)
  wire.close()
})
