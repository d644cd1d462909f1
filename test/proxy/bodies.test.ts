/** Bodies on their way: large ones with slow peers, broken ones, unwanted ones. Nothing is buffered whole, nothing leaks. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { native } from '../generation/plugin-files.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { scriptedOrigin } from '../support/scripted-origin.ts'
import { openWire } from '../support/wire.ts'
import { digestOf, MIB, open, peakMemory, piece, pieces, settled, sip } from './body-setup.ts'

describe('64 MiB', () => {
  const SIZE = 64
  const ROOM = 100 * MIB
  const DIGEST = digestOf(SIZE)

  test.for([
    ['with a length', { 'content-length': SIZE * MIB }],
    ['in chunks', {}],
  ] as const)('down %s to a slow client arrive whole, and are never held', async ([, head]) => {
    await using origin = await startOrigin((_, answer) => {
      answer.writeHead(200, head)
      pieces(SIZE).pipe(answer)
    })
    await using gateway = await startGateway(open(origin.url))
    const memory = peakMemory()
    const hash = createHash('sha256')

    const request = httpRequest(gateway.url).end()
    const [answer] = (await once(request, 'response')) as [Readable]
    await sip(answer, (chunk) => {
      hash.update(chunk)
      memory.look()
    })

    expect(hash.digest('hex')).toBe(DIGEST)
    expect(memory.more()).toBeLessThan(ROOM)
    await settled(gateway)
  })

  test.for([
    ['with a length', { 'content-length': SIZE * MIB }],
    ['in chunks', {}],
  ] as const)('up %s to a slow origin arrive whole, and are never held', async ([, head]) => {
    const hash = createHash('sha256')
    let memory: ReturnType<typeof peakMemory> | undefined
    await using origin = await startOrigin((request, answer) => {
      void sip(request, (chunk) => {
        hash.update(chunk)
        memory!.look()
      }).then(() => answer.end('done'))
    })
    await using gateway = await startGateway(open(origin.url))
    memory = peakMemory()

    const request = httpRequest(gateway.url, { method: 'POST', headers: head })
    pieces(SIZE).pipe(request)
    const [answer] = (await once(request, 'response')) as [Readable]
    answer.resume()

    expect(hash.digest('hex')).toBe(DIGEST)
    expect(memory.more()).toBeLessThan(ROOM)
    await settled(gateway)
  })
})

test('a body in chunks of one byte goes on in few', async () => {
  const COUNT = 20_000
  let chunks: string[] = []
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    const body = await connection.take((text) => (text.endsWith('\r\n0\r\n\r\n') ? text.length : -1))
    chunks = [...body.matchAll(/[0-9a-f]+\r\n(a*)\r\n/g)].map(([, bytes]) => bytes!)
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
  await using gateway = await startGateway(open(`http://127.0.0.1:${origin.port}`))
  const wire = await openWire(gateway.port)

  const body = `${'1\r\na\r\n'.repeat(COUNT)}0\r\n\r\n`
  wire.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`)
  await wire.until(/\r\n\r\nok$/)
  wire.close()

  expect(chunks.join('')).toBe('a'.repeat(COUNT))
  // One for each read, or a few.
  expect(chunks.length).toBeLessThan(COUNT / 20)
})

describe('an upstream that dies in the middle', () => {
  test.for(['upload', 'download'] as const)('of an %s leaves nothing behind', async (direction) => {
    await using origin = await startOrigin((request, answer) => {
      if (direction === 'download') answer.writeHead(200, { 'content-length': 10 * MIB }).write(piece)
      request.once('data', () => request.socket.resetAndDestroy())
      if (direction === 'download') setTimeout(() => request.socket.resetAndDestroy(), 30)
    })
    await using gateway = await startGateway(open(origin.url))

    const sent =
      direction === 'download'
        ? fetch(gateway.url).then((answer) => answer.arrayBuffer())
        : fetch(gateway.url, {
            method: 'POST',
            body: Readable.toWeb(pieces(16)) as never,
            duplex: 'half',
          } as RequestInit).then((answer) => answer.status)

    if (direction === 'download') await expect(sent).rejects.toThrow()
    else expect(await sent.catch(() => 502)).toBe(502)
    await settled(gateway)
  })
})

test('an answer that a plugin has replaced and not read leaves nothing behind', async () => {
  await using origin = await startOrigin((_, answer) => pieces(16).pipe(answer))
  await using gateway = await startGateway(open(origin.url, ', plugins: [./other.ts]'), {
    files: { 'other.ts': native(`scope.addHook('onSend', (_request, _reply, payload) => 'other')`) },
  })

  expect(await (await gateway.fetch('/')).text()).toBe('other')
  await settled(gateway)
})

test.for([
  ['is no answer after all', 500, `reply.header('x-a', 'a\\r\\nb: c')`],
  ['has no body after all', 204, `reply.code(204)`],
] as const)('a cached answer that %s costs its own request alone', async ([, status, change]) => {
  await using origin = await startOrigin((_, answer) => answer.end('body'))
  await using gateway = await startGateway(open(origin.url, ', plugins: [./late.ts, { cache: { ttl: 1m } }]'), {
    files: { 'late.ts': native(`scope.addHook('onSend', async (_request, reply) => { ${change} })`) },
  })

  expect((await gateway.fetch('/')).status).toBe(status)
  await settled(gateway)
})

describe('a client that leaves', () => {
  test('in the middle of a download ends it at the upstream', async () => {
    let gone: Promise<unknown> | undefined
    await using origin = await startOrigin((request, answer) => {
      gone = new Promise((go) => request.socket.once('close', go))
      pieces(64).pipe(answer)
    })
    await using gateway = await startGateway(open(origin.url))
    const request = httpRequest(gateway.url).end()
    request.on('error', () => {})
    const [answer] = (await once(request, 'response')) as [Readable]
    answer.on('error', () => {})
    await once(answer, 'data')

    request.destroy()

    await gone
    await settled(gateway)
    expect(await gateway.metrics()).toMatch(/code="499"/)
  })

  test('in the middle of an upload ends it at the upstream, which never sees it complete', async () => {
    await using origin = await scriptedOrigin(async (connection) => {
      await connection.request()
      await connection.closed()
    })
    await using gateway = await startGateway(open(`http://127.0.0.1:${origin.port}`))
    const wire = await openWire(gateway.port)
    wire.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    await expect.poll(() => origin.connections[0]?.received).toMatch(/abc/)

    wire.close()

    await origin.connections[0]!.closed()
    expect(origin.connections[0]!.received).not.toMatch(/0\r\n\r\n$/)
    await settled(gateway)
  })

  // Node tells of neither: the request before is whole, and the one behind it never will be.
  test.for([
    ['an upload', 'POST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc'],
    ['a head', 'GET /two HT'],
    ['a refused upload', 'POST /two%00 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc'],
  ] as const)('in the middle of %s, another answer outstanding, leaves nothing behind', async ([, bytes]) => {
    await using origin = await startOrigin(() => {})
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    wire.send(`GET /one HTTP/1.1\r\nHost: a\r\n\r\n${bytes}`)
    await expect.poll(() => origin.requests.length).toBeGreaterThan(0)

    wire.close()

    await settled(gateway)
  })

  test('while its plugins are thinking is not forwarded for', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(open(origin.url, ', plugins: [./slow.js]'), {
      files: {
        'slow.js': native(`scope.addHook('onRequest', () => new Promise((go) => process.once('thought', go)))`),
      },
    })
    const wire = await openWire(gateway.port)
    wire.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await expect.poll(() => gateway.metrics()).toMatch(/sluice_inflight_requests 1/)

    wire.close()

    await settled(gateway)
    process.emit('thought' as never)
    await new Promise((go) => setTimeout(go, 50))
    expect(origin.requests).toHaveLength(0)
  })
})

describe('a client that takes nothing', () => {
  const files = {
    'hook.js': native(`scope.addHook('onSend', (_, reply, payload) => payload.map((part) => part))`),
    'own.js': native(`scope.addHook('onRequest', (_, reply) => reply.send(Buffer.alloc(${32 * MIB})))`, {
      traits: '{ answers: true }',
    }),
    'foreign.js': 'export default async () => {}',
  }

  async function paused(gateway: TestGateway): Promise<Socket> {
    const socket = connect(gateway.port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.pause()
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    return socket
  }

  test.for([
    ['the upstream’s answer', ''],
    ['one that a plugin changes', ', plugins: [./hook.js]'],
    ['one that a plugin gives', ', plugins: [./own.js]'],
    ['one that leaves through a foreign plugin', ', plugins: [./foreign.js]'],
  ] as const)('of %s is dropped after bodyIdle', async ([, more]) => {
    await using origin = await startOrigin((_, answer) => void pieces(32).pipe(answer))
    await using gateway = await startGateway(`limits: { bodyIdle: 100ms }\n${open(origin.url, more)}`, { files })
    const socket = await paused(gateway)
    // It has begun, and on a busy machine may be over already.
    await expect.poll(() => gateway.metrics()).toMatch(/sluice_inflight_requests 1|sluice_http_requests_total\{/)

    await settled(gateway)

    socket.destroy()
  })

  test('for a while, and then goes on, gets all of it', async () => {
    await using origin = await startOrigin((_, answer) => void pieces(32).pipe(answer))
    await using gateway = await startGateway(`limits: { bodyIdle: 1500ms }\n${open(origin.url)}`)
    const socket = await paused(gateway)
    let bytes = 0
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    for (let round = 1; round <= 4; round++) {
      socket.pause()
      await new Promise((go) => setTimeout(go, 500))
      socket.resume()
      await expect.poll(() => bytes, { interval: 5 }).toBeGreaterThan(round * 6 * MIB)
    }

    await expect.poll(() => bytes).toBeGreaterThan(32 * MIB)

    socket.destroy()
  })

  test('while the origin is silent keeps its connection: nothing waits to be taken', async () => {
    await using origin = await startOrigin((_, answer) => {
      answer.write('a')
      setTimeout(() => answer.end('b'), 500)
    })
    await using gateway = await startGateway(`limits: { bodyIdle: 150ms }\n${open(origin.url)}`)

    expect(await (await gateway.fetch('/')).text()).toBe('ab')
  })
})
