/** Bodies on their way: large ones with slow peers, broken ones, unwanted ones. Nothing is buffered whole, nothing leaks. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { native } from '../generation/plugin-files.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { answering, response, scriptedOrigin } from '../support/scripted-origin.ts'
import { exchange, openWire, statusOf } from '../support/wire.ts'

const open = (url: string, more = '') =>
  `plugins: [metrics]\nroutes:\n  all: { match: /*, upstream: "${url}", public: test${more} }\n`
const guarded = (url: string) => `routes:\n  all: { match: /*, upstream: "${url}", plugins: [api-key] }\n`
const MIB = 1024 * 1024

/** The same random megabyte again and again: no two pieces of it look alike, and it costs no memory. */
const piece = randomBytes(MIB)
const pieces = (count: number) =>
  Readable.from(
    (function* () {
      for (let i = 0; i < count; i++) yield piece
    })(),
  )
const digestOf = (count: number) => {
  const hash = createHash('sha256')
  for (let i = 0; i < count; i++) hash.update(piece)
  return hash.digest('hex')
}

/** Nothing of a request is left: no exchange, no busy connection to the upstream. */
async function settled(gateway: TestGateway): Promise<void> {
  await expect.poll(() => gateway.metrics(), { timeout: 5000 }).toMatch(/sluice_inflight_requests 0/)
  await expect
    .poll(() => gateway.metrics(), { timeout: 5000 })
    .not.toMatch(/sluice_upstream_connections\{[^}]*state="(active|connecting)"\} [1-9]/)
}

/** Reads a socket or message in small sips, with pauses. */
async function sip(stream: AsyncIterable<Buffer>, seen: (chunk: Buffer) => void): Promise<void> {
  let count = 0
  for await (const chunk of stream) {
    seen(chunk)
    count++
    if (count % 32 === 0) await new Promise((go) => setTimeout(go, 2))
  }
}

describe('64 MiB', () => {
  const SIZE = 64
  const ROOM = 100 * MIB

  test.for([
    ['with a length', { 'content-length': SIZE * MIB }],
    ['in chunks', {}],
  ] as const)('down %s to a slow client arrive whole, and are never held', { timeout: 30_000 }, async ([, head]) => {
    await using origin = await startOrigin((_, answer) => {
      answer.writeHead(200, head)
      pieces(SIZE).pipe(answer)
    })
    await using gateway = await startGateway(open(origin.url))
    const before = process.memoryUsage.rss()
    let most = 0
    const hash = createHash('sha256')

    const request = httpRequest(gateway.url).end()
    const [answer] = (await once(request, 'response')) as [Readable]
    await sip(answer, (chunk) => {
      hash.update(chunk)
      most = Math.max(most, process.memoryUsage.rss())
    })

    expect(hash.digest('hex')).toBe(digestOf(SIZE))
    expect(most - before).toBeLessThan(ROOM)
    await settled(gateway)
  })

  test.for([
    ['with a length', { 'content-length': SIZE * MIB }],
    ['in chunks', {}],
  ] as const)('up %s to a slow origin arrive whole, and are never held', { timeout: 30_000 }, async ([, head]) => {
    const hash = createHash('sha256')
    let most = 0
    await using origin = await startOrigin((request, answer) => {
      void sip(request, (chunk) => {
        hash.update(chunk)
        most = Math.max(most, process.memoryUsage.rss())
      }).then(() => answer.end('done'))
    })
    await using gateway = await startGateway(open(origin.url))
    const before = process.memoryUsage.rss()

    const request = httpRequest(gateway.url, { method: 'POST', headers: head })
    pieces(SIZE).pipe(request)
    const [answer] = (await once(request, 'response')) as [Readable]
    answer.resume()

    expect(hash.digest('hex')).toBe(digestOf(SIZE))
    expect(most - before).toBeLessThan(ROOM)
    await settled(gateway)
  })
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
      files: { 'slow.js': native(`scope.addHook('onRequest', () => new Promise((go) => setTimeout(go, 60)))`) },
    })
    const wire = await openWire(gateway.port)
    wire.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await expect.poll(() => gateway.metrics()).toMatch(/sluice_inflight_requests 1/)

    wire.close()

    await settled(gateway)
    await new Promise((go) => setTimeout(go, 80))
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
    await expect.poll(() => gateway.metrics()).toMatch(/sluice_inflight_requests 1/)

    await settled(gateway)

    socket.destroy()
  })

  test('for a while, and then goes on, gets all of it', async () => {
    await using origin = await startOrigin((_, answer) => void pieces(32).pipe(answer))
    await using gateway = await startGateway(`limits: { bodyIdle: 400ms }\n${open(origin.url)}`)
    const socket = await paused(gateway)
    let bytes = 0
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    for (let round = 1; round <= 4; round++) {
      socket.pause()
      await new Promise((go) => setTimeout(go, 250))
      socket.resume()
      await expect.poll(() => bytes, { timeout: 5000, interval: 5 }).toBeGreaterThan(round * 6 * MIB)
    }

    await expect.poll(() => bytes, { timeout: 5000 }).toBeGreaterThan(32 * MIB)

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

describe('a refused POST', () => {
  test('with a small body is drained, and its connection used again', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(guarded(origin.url))
    const wire = await openWire(gateway.port)
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789'

    wire.send(post + post)
    const answers = await wire.until(/HTTP\/1\.1 401[\s\S]*HTTP\/1\.1 401[\s\S]*\}\n$/)
    wire.close()

    expect(answers).not.toMatch(/connection: close/i)
    expect(origin.requests).toHaveLength(0)
  })

  test.for([
    ['the gateway', guarded, 401, 'connection: close'],
    [
      'a route',
      () => `routes:\n  all: { match: /*, respond: { status: 200, body: hello }, public: test }\n`,
      200,
      'connection: close',
    ],
    ['the upstream', (url: string) => open(url), 413, 'connection: close'],
  ] as const)(
    'with a large body is answered by %s, and the client sees it though it is still sending',
    async ([, yaml, status, closes]) => {
      await using origin = await startOrigin((_, answer) => answer.writeHead(413).end('too much'))
      await using gateway = await startGateway(yaml(origin.url))

      // Without reading on after the answer, the reset takes it from about every second client.
      for (let i = 0; i < 6; i++) {
        const socket = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true })
        let received = ''
        let failed: Error | undefined
        socket.on('data', (chunk) => {
          received += chunk
        })
        socket.on('error', (error) => {
          failed = error
        })
        socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${8 * MIB}\r\n\r\n`)
        for (let sent = 0; sent < 8 && !socket.destroyed; sent++)
          await new Promise((go) => socket.write(piece, () => go(null)))
        socket.end()
        if (!socket.closed) await once(socket, 'close')

        expect(failed).toBeUndefined()
        expect(statusOf(received)).toBe(status)
        expect(received.toLowerCase()).toContain(closes)
      }
      await settled(gateway)
    },
  )

  test('with a large body is not followed by another request on its connection', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(
      `${guarded(origin.url)}  open: { match: /open, upstream: "${origin.url}", public: test }\n`,
    )
    const wire = await openWire(gateway.port)
    wire.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${MIB}\r\n\r\n`)
    await wire.until(/HTTP\/1\.1 401[\s\S]*connection: close/i)

    wire.send(`${'a'.repeat(MIB)}GET /open HTTP/1.1\r\nHost: a\r\n\r\n`)
    const answers = await wire.closed()

    expect(answers.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(origin.requests).toHaveLength(0)
  })
})

describe('a connection', () => {
  test('with bad bytes is closed, also when the client stays', async () => {
    await using gateway = await startGateway(open('builtin://echo'))
    const socket = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => {})
    socket.resume()
    socket.write('nonsense\r\n\r\n')
    await once(socket, 'end')

    await expect.poll(() => gateway.metrics(), { timeout: 4000 }).toMatch(/sluice_connections\{kind="http"\} 0/)
    socket.destroy()
  })

  test('answers pipelined POSTs in order, each with its own body', async () => {
    await using origin = await startOrigin((request, answer) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => setTimeout(() => answer.end(`<${body}>`), body === 'one' ? 40 : 0))
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    const post = (body: string) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`

    wire.send(
      `${post('one') + post('two!')}POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nthree\r\n0\r\n\r\n`,
    )

    expect([...(await wire.closed()).matchAll(/<(.*?)>/g)].map(([, body]) => body)).toEqual(['one', 'two!', 'three'])
  })

  test('that closes after an answer leaves nothing of the requests behind it', async () => {
    await using origin = await startOrigin((request, answer) => {
      if (request.url === '/one') setTimeout(() => answer.end('one'), 40)
      if (request.url === '/two') answer.end('two')
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`

    wire.send(get('/one', 'Connection: close\r\n') + get('/two') + get('/two%00') + get('/never'))

    expect((await wire.closed()).match(/HTTP\/1\.1/g)).toHaveLength(1)
    await settled(gateway)
  })

  // Node hands an upgrade over at once; the answers before it are still to come. This ended the process.
  test.for([
    [
      'an upgrade',
      'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      200,
    ],
    ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', 405],
  ] as const)('answers what is before %s first', async ([, bytes, status]) => {
    await using origin = await startOrigin((request, answer) => {
      setTimeout(() => answer.end(request.url), request.url === '/slow' ? 60 : 0)
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)

    wire.send(`GET /slow HTTP/1.1\r\nHost: a\r\n\r\n${bytes}`)
    const answers = await wire.until(/\/slow[\s\S]*HTTP\/1\.1 [0-9]{3}[\s\S]*\r\n\r\n/)
    wire.close()

    expect([...answers.matchAll(/HTTP\/1\.1 ([0-9]{3})/g)].map(([, one]) => Number(one))).toEqual([200, status])
    await settled(gateway)
  })

  test('to the upstream is not used again after an answer to an unfinished request', async () => {
    await using origin = await scriptedOrigin(answering(response('early')))
    await using gateway = await startGateway(open(`http://127.0.0.1:${origin.port}`))
    const wire = await openWire(gateway.port)
    wire.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n')
    await wire.until(/early/)
    wire.close()

    const answer = await exchange(gateway.port, 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n')

    expect(statusOf(answer)).toBe(200)
    expect(origin.connections).toHaveLength(2)
    expect(origin.connections[0]!.received).not.toMatch(/\/next/)
  })

  test('with an upgrade and a body is an ordinary request: the body is no early data of a tunnel', async () => {
    await using origin = await startOrigin((request, answer) => {
      request.on('data', () => {})
      request.on('end', () => answer.end(String(request.headers.upgrade)))
    })
    await using gateway = await startGateway(open(origin.url))

    const answer = await exchange(
      gateway.port,
      'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nGET ',
    )

    expect(answer).toMatch(/\r\n\r\nundefined$/)
  })
})
