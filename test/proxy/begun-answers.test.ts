/** Requests whose answer began and never came to its head: at least one byte of it is here. */
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { scriptedOrigin } from '../support/scripted-origin.ts'
import { openWire } from '../support/wire.ts'
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
      routeTo([origin.port], 'retries: { attempts: 3, on: [connect, closed, timeout, status], perTry: 150ms }'),
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
