import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { scriptedOrigin } from '../support/scripted-origin.ts'
import { openWire, statusOf } from '../support/wire.ts'
import { accepted, handshake, openTunnel, tunnelConfig, tunnelOrigin } from './handshake.ts'

describe('the upstream’s 101', () => {
  test.for([
    ['names another protocol', 'Upgrade: websocket', 'Upgrade: h2c'],
    ['names two protocols', 'Upgrade: websocket', 'Upgrade: websocket, h2c'],
    ['names no protocol', 'Upgrade: websocket\r\n', ''],
    ['has a Connection without Upgrade', 'Connection: Upgrade', 'Connection: keep-alive'],
    ['answers another key', 's3pP', 'S3pP'],
    ['answers no key', /Sec-WebSocket-Accept.*\r\n/, ''],
  ] as const)('that %s is 502 upgrade-failed, and both connections end', async ([, from, to]) => {
    await using origin = await scriptedOrigin(async (connection) => {
      await connection.request()
      await connection.send(accepted.replace(from, to))
    })
    await using gateway = await startGateway(tunnelConfig(origin.port))
    const wire = await openWire(gateway.port)
    wire.send(handshake('/ws'))

    const answer = await wire.closed()

    expect(statusOf(answer)).toBe(502)
    expect(answer).toMatch(/"code":"upgrade-failed"/)
    await origin.connections[0]!.closed()
  })

  test('passes the response hooks, and says whose request it answers', async () => {
    await using origin = await tunnelOrigin()
    const yaml = tunnelConfig(origin.port).replace(
      'public:',
      'plugins: [{ headers: { response: { set: { x-stage: blue } } } }], public:',
    )
    await using gateway = await startGateway(yaml)

    const wire = await openTunnel(gateway.port)

    expect(wire.received).toMatch(/^x-stage: blue\r$/m)
    expect(wire.received).toMatch(/^x-request-id: \S+\r$/m)
    wire.close()
  })

  test('may have bytes of the tunnel behind it, as the request may', async () => {
    await using origin = await scriptedOrigin(async (connection) => {
      await connection.request()
      await connection.send(`${accepted}early`)
      await connection.take((text) => (text === 'ahead' ? 5 : -1))
      await connection.send('-got it')
    })
    await using gateway = await startGateway(tunnelConfig(origin.port))
    const wire = await openWire(gateway.port)

    wire.send(`${handshake('/ws')}ahead`)

    expect(await wire.until(/early-got it$/)).toMatch(/^HTTP\/1\.1 101 /)
    wire.close()
  })
})

describe('an upstream that does not take the upgrade', () => {
  const refusal =
    'HTTP/1.1 403 Forbidden\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n'

  test('is heard whole, without its connection fields, and both sides close', async () => {
    await using origin = await scriptedOrigin(async (connection) => {
      await connection.request()
      await connection.send(`${refusal}3\r\nnot\r\n5\r\n here\r\n0\r\n\r\n`)
    })
    await using gateway = await startGateway(tunnelConfig(origin.port))
    const wire = await openWire(gateway.port)
    wire.send(handshake('/ws'))

    const answer = await wire.closed()

    expect(statusOf(answer)).toBe(403)
    expect(answer).toMatch(/\r\n\r\n3\r\nnot\r\n5\r\n here\r\n0\r\n\r\n$|\r\n\r\n8\r\nnot here\r\n0\r\n\r\n$/)
    expect(answer).toMatch(/^connection: close\r$/im)
    expect(answer).not.toMatch(/^upgrade:/im)
    await origin.connections[0]!.closed()
  })

  test('and breaks off its refusal leaves an answer that does not look complete', async () => {
    await using origin = await scriptedOrigin(async (connection) => {
      await connection.request()
      await connection.send(`${refusal}3\r\nnot\r\n`)
      connection.reset()
    })
    await using gateway = await startGateway(tunnelConfig(origin.port))
    const wire = await openWire(gateway.port)
    wire.send(handshake('/ws'))

    expect(await wire.closed()).not.toMatch(/0\r\n\r\n$/)
  })

  test.for([
    ['says nothing', '', 504, 'upstream-timeout'],
    ['says no HTTP', 'SSH-2.0-x\r\n', 502, 'upstream-malformed'],
    ['leaves', null, 502, 'upstream-closed'],
  ] as const)('because it %s is a problem', async ([, bytes, status, code]) => {
    await using origin = await scriptedOrigin(async (connection) => {
      await connection.request()
      if (bytes === null) connection.fin()
      else if (bytes !== '') await connection.send(bytes)
    })
    await using gateway = await startGateway(tunnelConfig(origin.port, '{ timeouts: { response: 1s } }'))
    const wire = await openWire(gateway.port)
    wire.send(handshake('/ws'))

    const answer = await wire.closed()

    expect(statusOf(answer)).toBe(status)
    expect(answer).toContain(`"code":"${code}"`)
    await origin.connections[0]!.closed()
  })
})

describe('the end of a tunnel', () => {
  test.for(['reset', 'destroy'] as const)('by a %s of the upstream reaches the client within a second', async (how) => {
    await using origin = await tunnelOrigin()
    await using gateway = await startGateway(tunnelConfig(origin.port))
    const wire = await openTunnel(gateway.port)
    const began = performance.now()

    if (how === 'reset') origin.connections[0]!.reset()
    else origin.connections[0]!.socket.destroy()
    await once(wire.socket, how === 'reset' ? 'close' : 'end')

    expect(performance.now() - began).toBeLessThan(1000)
    wire.close()
    await expect.poll(() => gateway.metrics()).toMatch(/sluice_connections\{kind="ws"\} 0/)
  })

  test('by a reset of the client reaches the upstream within a second', async () => {
    await using origin = await tunnelOrigin()
    await using gateway = await startGateway(tunnelConfig(origin.port))
    const wire = await openTunnel(gateway.port)
    const began = performance.now()

    wire.socket.resetAndDestroy()
    await origin.connections[0]!.closed()

    expect(performance.now() - began).toBeLessThan(1000)
  })

  test('of one direction leaves the other open', async () => {
    await using origin = await tunnelOrigin(async (connection) => {
      await connection.take((text) => (text === 'last words' ? 10 : -1))
      // The origin ends when its client does: the answer has to come before that.
      connection.socket.prependListener('end', () => connection.socket.write('heard'))
    })
    await using gateway = await startGateway(tunnelConfig(origin.port))
    const wire = await openTunnel(gateway.port)

    wire.socket.end('last words')

    expect(await wire.closed()).toMatch(/\r\n\r\nheard$/)
  })

  test('comes when both sides are silent for too long, and not while one speaks', async () => {
    await using origin = await tunnelOrigin(async (connection) => {
      for (let i = 0; i < 15; i++) {
        await connection.send('.')
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    })
    await using gateway = await startGateway(tunnelConfig(origin.port, '{ timeouts: { tunnel: 1s } }'))
    const wire = await openTunnel(gateway.port)

    expect(await wire.closed()).toMatch(/\r\n\r\n\.{15}$/)
    await origin.connections[0]!.closed()
  })
})

test('a tunnel holds the fast side back to the pace of the slow one', async () => {
  const total = 64 * 1024 * 1024
  const piece = 'x'.repeat(1024 * 1024)
  let written = 0
  await using origin = await tunnelOrigin(async (connection) => {
    for (; written < total; written += piece.length) await connection.send(piece)
    connection.fin()
  })
  await using gateway = await startGateway(tunnelConfig(origin.port))
  const wire = await openWire(gateway.port)
  wire.socket.pause()
  wire.socket.removeAllListeners('data')
  wire.send(handshake('/ws'))
  let before = -1
  await expect
    .poll(
      () => {
        const moved = written !== before || written === 0
        before = written
        return moved
      },
      { interval: 150 },
    )
    .toBe(false)

  // What the kernel's buffers hold, and little more.
  expect(written).toBeLessThan(total / 2)
  let received = 0
  wire.socket.on('data', (chunk) => {
    received += chunk.length
  })
  wire.socket.resume()
  await once(wire.socket, 'end')
  expect(received).toBeGreaterThan(total)
  wire.close()
})

test('tunnels over an upstream’s bound are 503, and a closed one makes room', async () => {
  await using origin = await tunnelOrigin()
  await using gateway = await startGateway(tunnelConfig(origin.port, '{ connections: { tunnels: 1 } }'))
  const first = await openTunnel(gateway.port)
  const second = await openWire(gateway.port)
  second.send(handshake('/ws'))

  const answer = await second.closed()

  expect(statusOf(answer)).toBe(503)
  expect(answer).toMatch(/^retry-after: 1\r$/im)
  expect(answer).toMatch(/"code":"upstream-overloaded"/)
  first.close()
  await origin.connections[0]!.closed()
  await expect.poll(() => gateway.metrics()).toMatch(/sluice_connections\{kind="ws"\} 0/)
  const third = await openTunnel(gateway.port)
  third.close()
})

describe('a reload', () => {
  const consumers =
    'consumers: { shop: { keys: ["sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"] } }\n' +
    'shutdown: { delay: 0ms, deadline: 200ms }\n'
  const guarded = (port: number) => tunnelConfig(port, '{}', consumers).replace('public: "test"', 'plugins: [api-key]')

  test.for([
    ['of the route', '/ws, upstream', '/other, upstream'],
    ['of its upstream', '127.0.0.1:', 'localhost:'],
    ['of its chain', '[api-key]', '[api-key, { headers: { response: { set: { a: b } } } }]'],
    ['of its consumer', '{ keys', '{ groups: [late], keys'],
  ] as const)('with a change %s ends its tunnels after the deadline', async ([, from, to]) => {
    await using origin = await tunnelOrigin()
    await using gateway = await startGateway(guarded(origin.port))
    const wire = await openTunnel(gateway.port, 'X-Api-Key: key\r\n')

    const ended = once(wire.socket, 'end')
    const began = performance.now()

    const result = await gateway.reload(guarded(origin.port).replace(from, to))

    expect(result.ok).toBe(true)
    await ended
    expect(performance.now() - began).toBeGreaterThan(150)
    await origin.connections[0]!.closed()
  })

  test('elsewhere leaves them as they are, reload after reload', async () => {
    await using origin = await tunnelOrigin(async (connection) => {
      await connection.take((text) => (text === 'still here?' ? 11 : -1))
      await connection.send('yes')
    })
    await using gateway = await startGateway(guarded(origin.port))
    const wire = await openTunnel(gateway.port, 'X-Api-Key: key\r\n')
    const gone = 'shutdown: { delay: 0ms, deadline: 1ms }'

    for (const path of ['/a', '/b', '/c']) {
      const more = `routes:\n  more: { match: ${path}, respond: { status: 204 }, public: "test" }\n`
      const yaml = guarded(origin.port)
        .replace('routes:\n', more)
        .replace(/shutdown.*/, gone)
      expect((await gateway.reload(yaml)).ok).toBe(true)
    }
    await expect.poll(() => gateway.metrics()).toMatch(/sluice_connections\{kind="ws"\} 1/)
    wire.send('still here?')

    await wire.until(/yes$/)
    wire.close()
  })
})
