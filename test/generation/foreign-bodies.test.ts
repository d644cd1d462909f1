/** What passes a chain with a foreign plugin: bodies, upgrades, reloads. */
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { openWire, statusOf } from '../support/wire.ts'
import { get, post, startBetween } from './foreign-setup.ts'
import { chainOf, foreign } from './plugin-files.ts'

describe('a body on its way through a chain with a foreign plugin', () => {
  const idle = foreign(`instance.addHook('preHandler', async () => {})`)

  test.for([
    ['with an unparsable content-type', post('hello', 'Content-Type: ;;/\r\n'), '5 of ;;/'],
    ['with none', post('hello'), '5 of undefined'],
    ['of JSON that is none', post('{', 'Content-Type: application/json\r\n'), '1 of application/json'],
    ['over Fastify’s own limit', post('a'.repeat(3_000_000)), '3000000 of undefined'],
    [
      'in chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      '3 of undefined',
    ],
    ['of a GET', post('hello').replace('POST', 'GET'), '5 of undefined'],
    ['of a QUERY', post('hello').replace('POST', 'QUERY'), '5 of undefined'],
  ] as const)('%s arrives untouched', async ([, bytes, expected]) => {
    await using setup = await startBetween(idle)

    const answer = await setup.send(bytes)

    expect(statusOf(answer)).toBe(200)
    expect(answer.split('\r\n\r\n')[1]).toContain(expected)
  })

  test('down is whole, also when a foreign hook lets it wait', async () => {
    const body = Buffer.alloc(3_000_000, 'abc')
    await using setup = await startBetween(
      foreign(
        `instance.addHook('onSend', async (_, reply, payload) => { await new Promise((go) => setTimeout(go, 50)); return payload })`,
      ),
      await startOrigin((_, response) => response.end(body)),
    )

    const received = Buffer.from(await (await setup.gateway.fetch('/')).arrayBuffer())

    expect(received.equals(body)).toBe(true)
  })

  test('down is none for HEAD, and its length is told', async () => {
    await using setup = await startBetween(
      idle,
      await startOrigin((_, response) => response.writeHead(200, { 'content-length': 7 }).end()),
    )

    const response = await setup.gateway.fetch('/', { method: 'HEAD' })

    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '7', ''])
  })

  test('that the upstream breaks off is broken off', async () => {
    await using setup = await startBetween(
      idle,
      await startOrigin((request, response) => {
        response.writeHead(200, { 'content-length': 10 })
        response.write('half')
        setTimeout(() => request.socket.destroy(), 30)
      }),
    )

    await expect(setup.gateway.fetch('/').then((response) => response.text())).rejects.toThrow()
    await expect.poll(() => setup.gateway.metrics()).toMatch(/sluice_inflight_requests 0/)
  })

  test('that is large and refused closes the connection', async () => {
    await using setup = await startBetween(
      foreign(`instance.addHook('preHandler', async (_, reply) => reply.code(403).send('no'))`),
    )
    const wire = await openWire(setup.gateway.port)
    wire.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n')

    expect(await wire.closed()).toMatch(/^HTTP\/1\.1 403 [\s\S]*connection: close/i)
  })
})

describe('an upgrade through a chain with a foreign plugin', () => {
  const handshake =
    'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n'

  test.for([
    ['passes', `async () => {}`, 101],
    ['is refused by its answer', `async (_, reply) => reply.code(403).send('no')`, 403],
    ['is refused by its error', `async () => { throw Object.assign(new Error('no'), { statusCode: 401 }) }`, 401],
  ] as const)('%s', async ([, hook, status]) => {
    const { yaml, files } = chainOf('builtin://echo', { foreign: foreign(`instance.addHook('onRequest', ${hook})`) })
    await using gateway = await startGateway(yaml, { files })
    const wire = await openWire(gateway.port)
    wire.send(handshake)

    if (status !== 101) await wire.closed()
    const answer = await wire.until(/^HTTP\/1\.1 [0-9]{3}[\s\S]*\r\n\r\n/)
    wire.close()

    expect(statusOf(answer)).toBe(status)
    await expect.poll(() => gateway.metrics()).toMatch(/sluice_inflight_requests 0/)
  })
})

describe('a reload', () => {
  const closing = foreign(`
    globalThis.opened = (globalThis.opened ?? 0) + 1
    instance.addHook('onClose', async () => { globalThis.opened-- })`)
  const opened = () => (globalThis as { opened?: number }).opened

  test('closes the contexts of the generation before', async () => {
    await using setup = await startBetween(closing)
    const { yaml } = chainOf(setup.origin.url, { top: '', foreign: '', low: '' }, 'plugins: [metrics]')

    for (let i = 0; i < 5; i++) expect(await setup.gateway.reload(`name: n${i}\n${yaml}`)).toMatchObject({ ok: true })

    await expect.poll(opened).toBe(1)
    expect(statusOf(await setup.send(get()))).toBe(200)
  })

  test.for([
    ['throws as it is registered', foreign(`throw new Error('boom')`)],
    [
      'asks for a plugin that is not there',
      `const plugin = async () => {}\nplugin[Symbol.for('plugin-meta')] = { name: 'x', dependencies: ['not-there'] }\nplugin[Symbol.for('skip-override')] = true\nexport default plugin`,
    ],
  ] as const)('to a plugin that %s changes nothing, and says why', async ([, text]) => {
    await using origin = await startOrigin()
    const route = `routes:\n  all: { match: /*, upstream: "${origin.url}", public: test`
    await using gateway = await startGateway(`${route} }\n`, { files: { 'bad.js': text } })

    const result = await gateway.reload(`${route}, plugins: [./bad.js] }\n`)

    expect(result).toMatchObject({ ok: false, diagnostics: [{ code: 'plugin-failed', at: { line: 5 } }] })
    expect((await gateway.fetch('/')).status).toBe(200)
  })
})
