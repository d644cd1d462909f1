import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { dyingOrigin, frozenOrigin, routeTo } from '../proxy/failing-origins.ts'
import { makeCertificate } from '../support/certificate.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { deadPort } from '../support/ports.ts'
import { scriptedOrigin } from '../support/scripted-origin.ts'

const probe = 'interval: 20ms, timeout: 5s, unhealthyAfter: 2, healthyAfter: 2'

/** An origin whose health page answers what it is told to. */
async function origin(name: string) {
  const health = { status: 200 }
  const server = await startOrigin((request, reply) => {
    if (request.url!.startsWith('/healthz')) reply.writeHead(health.status).end()
    else reply.end(name)
  })
  return Object.assign(server, { health })
}

/** Waits until the gauge of each target, in the order of the file, is this. */
async function untilUp(gateway: TestGateway, expected: readonly number[]): Promise<void> {
  for (;;) {
    const lines = (await gateway.metrics()).matchAll(/^sluice_upstream_target_up\{.*\} (\d)$/gm)
    if (String(Array.from(lines, ([, up]) => Number(up))) === String(expected)) return
    await pause(5)
  }
}

const messages = (gateway: TestGateway) =>
  gateway.log.map(({ message }) => String(message)).filter((message) => /^a target/.test(message))

describe('probes', () => {
  test('take a target out of use and back in, with one log line each', async () => {
    await using a = await origin('a')
    await using b = await origin('b')
    await using gateway = await startGateway(routeTo([a.port, b.port], `health: { path: /healthz, ${probe} }`))
    const ask = async () => (await gateway.fetch('/')).text()

    a.health.status = 503
    await untilUp(gateway, [0, 1])
    expect(await Promise.all([1, 2, 3, 4].map(ask))).toEqual(['b', 'b', 'b', 'b'])

    a.health.status = 200
    await untilUp(gateway, [1, 1])
    expect((await Promise.all([1, 2, 3, 4].map(ask))).sort()).toEqual(['a', 'a', 'b', 'b'])
    expect(messages(gateway)).toEqual(['a target is down', 'a target is up'])
    expect(gateway.log.find(({ message }) => message === 'a target is down')).toMatchObject({
      upstream: 'main',
      target: `http://127.0.0.1:${a.port}`,
      failure: 'status 503',
    })
  })

  test('are made as the config says, the first at once, on connections of their own', async () => {
    const ports = new Set<number>()
    await using a = await origin('a')
    a.server.on('connection', (socket) => ports.add(socket.remotePort!))
    await using gateway = await startGateway(
      routeTo(
        [`http://127.0.0.1:${a.port}/base`],
        'health: { path: "/healthz?full=1", interval: 20ms, method: HEAD, host: health.internal, headers: { x-probe: "1" } }',
      ),
    )
    while (a.requests.length < 3) await pause(5)

    expect(a.requests[0]).toMatchObject({
      method: 'HEAD',
      url: '/healthz?full=1',
      headers: { host: 'health.internal', 'x-probe': '1' },
    })
    expect(ports.size).toBeGreaterThanOrEqual(3)
    expect(gateway.log.length).toBeGreaterThan(0)
  })

  test.for([
    ['a closed port', 'refused'],
    ['silence', 'timeout'],
    ['a connection that is reset', 'closed'],
    ['bytes that are no HTTP', 'malformed'],
    ['a body that never ends', null],
    ['a body that breaks off', 'incomplete'],
  ] as const)('that meet %s say: %s', async ([kind, failure]) => {
    await using frozen = await frozenOrigin()
    await using dying = await dyingOrigin()
    await using scripted = await scriptedOrigin(async (connection) => {
      await connection.request()
      if (kind === 'bytes that are no HTTP') return connection.send('no\r\n\r\n')
      await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n')
      if (kind === 'a body that breaks off') return connection.fin()
      for (;;) await connection.send(`8000\r\n${'x'.repeat(0x8000)}\r\n`)
    })
    const ports = { 'a closed port': await deadPort(), silence: frozen.port, 'a connection that is reset': dying.port }
    const port = kind in ports ? ports[kind as keyof typeof ports] : scripted.port
    const health = `health: { path: /, ${failure === 'timeout' ? probe.replace('5s', '50ms') : probe} }`
    await using gateway = await startGateway(routeTo([port], health))

    if (failure === null) {
      while (scripted.connections.length < 4) await pause(5)
      await untilUp(gateway, [1])
      return
    }
    await untilUp(gateway, [0])
    expect(gateway.log.find(({ message }) => message === 'a target is down')).toMatchObject({ failure })
  })

  test('go through the TLS settings of the target', async () => {
    const { cert } = makeCertificate()
    await using plain = await scriptedOrigin(async (connection) => {
      await connection.bytes(1)
      await connection.send('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    const yaml = routeTo([`https://127.0.0.1:${plain.port}`], `tls: { ca: ca.crt }, health: { path: /, ${probe} }`)
    await using gateway = await startGateway(yaml, { files: { 'ca.crt': cert } })

    await untilUp(gateway, [0])
    expect(gateway.log.find(({ message }) => message === 'a target is down')).toMatchObject({ failure: 'tls-failed' })
  })

  test('go on over a reload, keep their verdict, and end with their config', async () => {
    await using a = await origin('a')
    await using b = await origin('b')
    const targets = [a.port, b.port]
    await using gateway = await startGateway(routeTo(targets, `health: { path: /healthz, ${probe} }`))
    a.health.status = 500
    await untilUp(gateway, [0, 1])

    await gateway.reload(`name: other\n${routeTo(targets, `health: { path: /healthz, ${probe} }`)}`)
    expect(await gateway.metrics()).toContain(`target="http://127.0.0.1:${a.port}"} 0`)
    await gateway.reload(routeTo(targets, `health: { path: "/healthz?b", ${probe} }`))
    expect(await gateway.metrics()).toContain(`target="http://127.0.0.1:${a.port}"} 0`)
    await gateway.reload(routeTo(targets))

    await untilUp(gateway, [1, 1])
    const before = a.requests.length
    await gateway.fetch('/')
    await gateway.fetch('/')
    expect(a.requests.slice(before).every(({ url }) => url === '/')).toBe(true)
    expect(messages(gateway)).toEqual(['a target is down'])
  })

  test('are not believed when they say that most targets are down', async () => {
    await using a = await origin('a')
    await using b = await origin('b')
    await using gateway = await startGateway(routeTo([a.port, b.port], `health: { path: /healthz, ${probe} }`))
    a.health.status = 500
    b.health.status = 500
    await untilUp(gateway, [0, 0])

    expect((await gateway.fetch('/')).status).toBe(200)
  })
})

describe('traffic', () => {
  const passive = 'health: { passive: { failures: 3, ejection: 3s, minRequests: 4, window: 10s } }'

  test('ejects a target that does not answer, for a while', async () => {
    await using dying = await dyingOrigin()
    await using a = await origin('a')
    await using gateway = await startGateway(routeTo([dying.port, a.port], passive))
    for (let i = 0; i < 6; i++) await gateway.fetch('/')

    await untilUp(gateway, [0, 1])
    const answers = await Promise.all(Array.from({ length: 10 }, () => gateway.fetch('/')))
    expect(answers.every(({ status }) => status === 200)).toBe(true)

    await untilUp(gateway, [1, 1])
    expect(messages(gateway)).toEqual(['a target is ejected for its failures', 'a target is readmitted'])
  })

  test('ejects a target that answers with errors, but never the last one', async () => {
    await using bad = await startOrigin((_, reply) => void reply.writeHead(500).end())
    await using worse = await startOrigin((_, reply) => void reply.writeHead(503).end())
    await using gateway = await startGateway(routeTo([bad.port, worse.port], passive.replace('3s', '1h')))

    for (let i = 0; i < 20; i++) await gateway.fetch('/')

    const up = (await gateway.metrics()).match(/^sluice_upstream_target_up\{.*\} 1$/gm)
    expect(up?.length).toBe(1)
  })
})
