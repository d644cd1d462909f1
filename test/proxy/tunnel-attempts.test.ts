/** An upgrade is a request: what becomes of it counts for its target, and what fails before an answer may be tried elsewhere. */
import { describe, expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { deadPort } from '../support/ports.ts'
import { scriptedOrigin } from '../support/scripted-origin.ts'
import { openWire, statusOf, type Wire } from '../support/wire.ts'
import { dyingOrigin, frozenOrigin, routeTo } from './failing-origins.ts'
import { handshake, openTunnel, tunnelOrigin } from './handshake.ts'

const breaker = 'breaker: { failures: 3, window: 10s, open: 30s }'

async function upgradeStatus({ port }: TestGateway): Promise<number> {
  const wire = await openWire(port)
  wire.send(handshake('/ws'))
  const status = statusOf(await wire.until(/\r\n\r\n/))
  wire.close()
  return status
}

function refusing(head: string) {
  return scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(`HTTP/1.1 ${head}\r\nContent-Length: 0\r\n\r\n`)
  })
}

const wrongAccept =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAA\r\n\r\n'

function misunderstanding() {
  return scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(wrongAccept)
  })
}

describe('upgrades that fail', () => {
  test.for([
    ['the target cannot be reached', async () => ({ port: await deadPort(), async [Symbol.asyncDispose]() {} }), 502],
    ['it resets them', dyingOrigin, 502],
    ['it says nothing', frozenOrigin, 504],
    ['it answers 503', () => refusing('503 Service Unavailable'), 503],
    ['its handshake is wrong', misunderstanding, 502],
  ] as const)('because %s open its breaker', async ([, start, status]) => {
    await using origin = await start()
    await using gateway = await startGateway(routeTo([origin.port], `${breaker}, timeouts: { response: 1s }`))

    const seen = []
    for (let i = 0; i < 4; i++) seen.push(await upgradeStatus(gateway))

    expect(seen).toEqual([status, status, status, 503])
    expect(await gateway.metrics()).toMatch(/^sluice_breaker_state\{.*\} 2$/m)
    expect((await gateway.fetch('/')).status).toBe(503)
  })

  test('eject their target', async () => {
    await using dying = await dyingOrigin()
    await using origin = await tunnelOrigin()
    const passive = 'health: { passive: { failures: 2, ejection: 60s } }'
    await using gateway = await startGateway(routeTo([dying.port, origin.port], passive))

    const seen = []
    for (let i = 0; i < 8; i++) seen.push(await upgradeStatus(gateway))

    expect(seen.filter((status) => status === 502)).toHaveLength(2)
    expect(seen.slice(-3)).toEqual([101, 101, 101])
  })

  test('by a refusal of the client’s making say nothing against the target', async () => {
    await using origin = await refusing('403 Forbidden')
    await using gateway = await startGateway(routeTo([origin.port], breaker))

    for (let i = 0; i < 5; i++) expect(await upgradeStatus(gateway)).toBe(403)

    expect(await gateway.metrics()).toMatch(/^sluice_breaker_state\{.*\} 0$/m)
  })
})

describe('an upgrade whose target fails', () => {
  test.for([
    ['cannot be reached', async () => ({ port: await deadPort(), async [Symbol.asyncDispose]() {} })],
    ['resets it', dyingOrigin],
    ['answers 503', () => refusing('503 Service Unavailable')],
  ] as const)('because it %s is taken by another', async ([, start]) => {
    await using failing = await start()
    await using origin = await tunnelOrigin((connection) => connection.send('hello'))
    const retries = 'retries: { attempts: 1, statuses: [503] }'
    await using gateway = await startGateway(routeTo([failing.port, origin.port], retries))

    for (let i = 0; i < 4; i++) {
      const wire = await openWire(gateway.port)
      wire.send(handshake('/ws'))
      expect(statusOf(await wire.until(/hello$/))).toBe(101)
      wire.close()
    }

    await expect.poll(() => gateway.metrics()).toMatch(/^sluice_connections\{kind="ws"\} 0$/m)
  })

  test('leaves no count of a tunnel behind', async () => {
    await using gateway = await startGateway(
      routeTo([await deadPort()], 'retries: { attempts: 3 }, connections: { tunnels: 1 }'),
    )

    for (let i = 0; i < 5; i++) expect(await upgradeStatus(gateway)).toBe(502)
  })

  test('goes to the fallback of its upstream', async () => {
    await using origin = await tunnelOrigin((connection) => connection.send('hello'))
    const yaml = routeTo([await deadPort()], 'fallback: spare').replace(
      'routes:',
      `  spare: { targets: ["http://127.0.0.1:${origin.port}"] }\nroutes:`,
    )
    await using gateway = await startGateway(yaml)
    const wire = await openWire(gateway.port)
    wire.send(handshake('/ws'))

    expect(statusOf(await wire.until(/hello$/))).toBe(101)
    wire.close()
  })
})

test.for([
  ['round-robin', ''],
  ['a hash', ', balance: { hash: ip }'],
  ['retries', ', retries: { attempts: 1 }'],
])('with %s a tunnel goes to the target that may have another, and is 503 when none may', async ([, keys]) => {
  await using one = await tunnelOrigin()
  await using other = await tunnelOrigin()
  const options = `connections: { tunnels: 2 }${keys}`
  await using gateway = await startGateway(routeTo([one.port, other.port], options))

  const tunnels: Wire[] = []
  for (let i = 0; i < 4; i++) tunnels.push(await openTunnel(gateway.port))
  const fifth = await openWire(gateway.port)
  fifth.send(handshake('/ws'))

  expect(statusOf(await fifth.closed())).toBe(503)
  expect([one.connections.length, other.connections.length]).toEqual([2, 2])
  tunnels[0]!.close()
  await expect.poll(() => gateway.metrics()).toMatch(/sluice_connections\{kind="ws"\} 3/)
  const again = await openTunnel(gateway.port)
  for (const wire of [...tunnels, again]) wire.close()
})
