import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { type ScriptedOrigin, scriptedOrigin } from '../support/scripted-origin.ts'
import { openWire } from '../support/wire.ts'

const event = (name: string) => `${(name.length + 8).toString(16)}\r\ndata: ${name}\n\n\r\n`
const upper = `
import { Transform } from 'node:stream'
export const schema = { type: 'object', additionalProperties: false }
export const traits = {}
export default (scope) => scope.addHook('onSend', (request, reply, payload) =>
  payload.compose(new Transform({ transform: (chunk, _, done) => done(null, String(chunk).toUpperCase()) })))
`
const yaml = (port: number, timeouts = '{}', chain = '[]') => `
upstreams: { o: { targets: ["http://127.0.0.1:${port}"], timeouts: ${timeouts} } }
routes:
  events: { match: /events, upstream: o, plugins: ${chain}, public: "test" }
`

/** Sends the head of a stream; its events are the test's. */
function streamOrigin(type = 'text/event-stream'): Promise<ScriptedOrigin> {
  return scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`)
  })
}

async function open(port: number) {
  const wire = await openWire(port)
  wire.send('GET /events HTTP/1.1\r\nHost: a\r\n\r\n')
  await wire.until(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n$/)
  return wire
}

describe('an event stream', () => {
  test.for([
    ['as it is', '[]', 'data: event'],
    ['through a body hook', '[./upper.js]', 'DATA: EVENT'],
  ] as const)(
    'passes %s at once: its head before the first event, each event before the next',
    async ([, chain, seen]) => {
      await using origin = await streamOrigin()
      await using gateway = await startGateway(yaml(origin.port, '{}', chain), { files: { 'upper.js': upper } })
      const wire = await open(gateway.port)

      for (let i = 1; i <= 3; i++) {
        await origin.connections[0]!.send(event(`event ${i}`))
        await wire.until(new RegExp(`${seen} ${i}`))
      }
      wire.close()
    },
  )

  test.for([
    ['text/event-stream', '{ idle: 100ms, stream: 900ms }', 800],
    ['Text/Event-Stream; charset=utf-8', '{ idle: 100ms, stream: 900ms }', 800],
    ['text/plain', '{ idle: 100ms, stream: 1h }', 0],
  ] as const)('may be silent for longer than other answers: %s, %s', async ([type, timeouts, atLeast]) => {
    await using origin = await streamOrigin(type)
    await using gateway = await startGateway(yaml(origin.port, timeouts))
    const began = performance.now()
    const wire = await open(gateway.port)

    const answer = await wire.closed()

    expect(performance.now() - began).toBeGreaterThan(atLeast)
    expect(answer).not.toMatch(/0\r\n\r\n$/)
  })

  test('goes on while the gateway stops, and is broken off at the deadline', async () => {
    await using origin = await streamOrigin()
    await using gateway = await startGateway(
      `${yaml(origin.port)}shutdown: { delay: 0ms, deadline: 2s }\nadmin: http://127.0.0.1:0\n`,
    )
    const wire = await open(gateway.port)
    const began = performance.now()

    const stopped = gateway.gateway.stop()
    await expect.poll(() => gateway.gateway.isReady).toBe(false)
    await origin.connections[0]!.send(event('still here'))
    await wire.until(/data: still here/)
    const answer = await wire.closed()
    await stopped

    expect(performance.now() - began).toBeGreaterThan(1900)
    expect(answer).not.toMatch(/0\r\n\r\n$/)
  })
})
