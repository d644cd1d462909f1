/** Requests whose answer began and is none: at least one byte of it is here, and nothing of it went on. */
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { scriptedOrigin } from '../support/scripted-origin.ts'
import { exchange, openWire } from '../support/wire.ts'
import { routeTo } from './failing-origins.ts'
import { handshake } from './handshake.ts'

const begun = (bytes: string, end: 'fin' | 'stay') =>
  scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(bytes)
    if (end === 'fin') connection.fin()
  })

/** Everything that comes until the gateway closes. */
async function answerTo(port: number, bytes: string): Promise<string> {
  const wire = await openWire(port)
  wire.send(bytes)
  return wire.closed()
}

const request = (method: string, fields = '') =>
  `${method} / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n${fields}\r\n`
const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'

describe('an answer that has begun is not asked for again:', () => {
  test.for([
    ['a GET whose status line is cut off', 'GET', 'HTTP/1.1 20', 'fin', 'upstream-closed'],
    ['a GET that was told an interim answer', 'GET', hints, 'fin', 'upstream-closed'],
    ['a PUT that was told an interim answer', 'PUT', hints, 'fin', 'upstream-closed'],
    ['a try over `perTry` within its status line', 'GET', 'HTTP/1.1 20', 'stay', 'upstream-timeout'],
    ['a try over `perTry` behind an interim answer', 'GET', hints, 'stay', 'upstream-timeout'],
  ] as const)('%s', async ([, method, bytes, end, code]) => {
    await using origin = await begun(bytes, end)
    await using gateway = await startGateway(
      routeTo([origin.port], 'retries: { attempts: 3, on: [connect, closed, timeout, status], perTry: 1s }'),
    )

    const answer = await answerTo(gateway.port, request(method, 'Content-Length: 0\r\n'))

    expect(answer).toContain(`"${code}"`)
    expect(origin.connections).toHaveLength(1)
  })

  test('an upgrade whose answer is cut off', async () => {
    await using origin = await begun('HTTP/1.1 10', 'fin')
    await using gateway = await startGateway(routeTo([origin.port], 'retries: { attempts: 3 }'))

    const answer = await answerTo(gateway.port, handshake('/'))

    expect(answer).toMatch(/^HTTP\/1\.1 502/)
    expect(origin.connections).toHaveLength(1)
  })
})

test('a fallback stands in for an answer that has begun', async () => {
  await using origin = await begun('HTTP/1.1 20', 'fin')
  await using other = await startOrigin((_, reply) => void reply.end('other'))
  await using gateway = await startGateway(
    routeTo([origin.port], 'retries: {}', `fallback: "http://127.0.0.1:${other.port}"`),
  )

  const answer = await gateway.fetch('/')

  expect([await answer.text(), origin.connections.length]).toEqual(['other', 1])
})

const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Theirs: 1\r\n\r\n'

describe('what is malformed right behind the head of an answer is told, as nothing of it has gone on:', () => {
  test.for([
    ['a chunk', `${chunked}ZZ\r\n`],
    ['a second chunk', `${chunked}2\r\nok\r\nZZ\r\n`],
    ['a long second chunk', `${chunked}4000\r\n${'x'.repeat(0x4000)}\r\nZZ\r\n`],
  ] as const)('%s', async ([, bytes]) => {
    await using origin = await begun(bytes, 'stay')
    await using gateway = await startGateway(
      routeTo([origin.port], '', 'plugins: [{ headers: { response: { add: { x-ours: a } } } }]'),
    )

    const answer = await exchange(gateway.port, 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')

    const [head, body] = answer.split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 502 /)
    const names = head!.match(/^(?:x-request-id|x-ours|x-theirs|content-length|transfer-encoding|connection)(?=: )/gim)
    expect(names).toEqual(['x-ours', 'content-length', 'x-request-id', 'Connection'])
    expect(JSON.parse(body!)).toMatchObject({ status: 502, code: 'upstream-incomplete' })
    const next = await exchange(gateway.port, 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    expect(next).toMatch(/^HTTP\/1\.1 502 /)
  })
})
