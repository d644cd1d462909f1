/** What holds of bodies on plain connections, however their bytes are read: see the two tests that run it. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { bodyBuffer, drop } from '../../src/http1/body-buffers.ts'
import { native } from '../generation/plugin-files.ts'
import { sip } from '../proxy/body-setup.ts'
import { makeCertificate } from '../support/certificate.ts'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { type OriginConnection, scriptedOrigin } from '../support/scripted-origin.ts'
import { openWire } from '../support/wire.ts'

const open = (url: string) => `routes: { all: { match: /*, upstream: "${url}", public: test } }\n`
const post = (path: string, body: Buffer) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body.toString('latin1')}`
const digest = (body: Buffer) => createHash('sha256').update(body).digest('hex')

/** Answers with the digest of the body, which it reads slowly where the path says so. */
const hashing: RequestListener = (request, response) => {
  const hash = createHash('sha256')
  const read = request.url === '/slow' ? sip : all
  void read(request, (chunk) => hash.update(chunk)).then(
    () => response.end(`<${hash.digest('hex')}>`),
    () => response.destroy(),
  )
}

async function all(stream: AsyncIterable<Buffer>, seen: (chunk: Buffer) => void): Promise<void> {
  for await (const chunk of stream) seen(chunk)
}

/** What the kernel has not taken of the running write. */
function unsentBytes(socket: Socket): number {
  return (socket as unknown as { _handle: { writeQueueSize: number } })._handle.writeQueueSize
}

/** Waits until it does not move any more. */
async function unchanged(look: () => number): Promise<void> {
  const seen = [Number.NaN]
  await expect.poll(() => seen.push(look()) && seen.at(-1) === seen.at(-2), { interval: 50 }).toBe(true)
}

const SIZES = [70_000, 1, 300_000, 65_536, 262_144, 1_500_000, 65_537, 400_000]

export function plainUploadTests(): void {
  test('bodies of all sizes, many at once and one after the other, arrive as they were sent', async () => {
    await using origin = await startOrigin(hashing)
    await using gateway = await startGateway(open(origin.url))

    const client = async (first: number) => {
      const wire = await openWire(gateway.port)
      const sent: string[] = []
      for (let i = 0; i < SIZES.length; i++) {
        const body = randomBytes(SIZES[(first + i) % SIZES.length]!)
        sent.push(`<${digest(body)}>`)
        wire.send(post((first + i) % 2 === 0 ? '/slow' : '/fast', body))
        await wire.until(new RegExp(`(<\\w+>[\\s\\S]*){${i + 1}}`))
      }
      wire.close()
      return { sent, received: wire.received.match(/<[0-9a-f]{64}>/g) }
    }

    for (const { sent, received } of await Promise.all(SIZES.map((_, first) => client(first)))) {
      expect(received).toEqual(sent)
    }
  })

  test('a large body and the request behind it in one write are both read', async () => {
    await using origin = await startOrigin(hashing)
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    const bodies = [randomBytes(300_000), randomBytes(200_000), randomBytes(10)]

    wire.send(bodies.map((body) => post('/slow', body)).join(''))

    await wire.until(/(<\w+>[\s\S]*){3}/)
    expect(wire.received.match(/<[0-9a-f]{64}>/g)).toEqual(bodies.map((body) => `<${digest(body)}>`))
    wire.close()
  })

  test('bodies over TLS arrive as they were sent, at an origin that takes them slowly too', async () => {
    await using origin = await startOrigin(hashing)
    const { cert, key } = makeCertificate()
    const listen = 'listen: [{ url: "https://127.0.0.1:0", certificates: [{ cert: api.crt, key: api.key }] }]\n'
    await using gateway = await startGateway(listen + open(origin.url), { files: { 'api.crt': cert, 'api.key': key } })
    const wire = await openWire(gateway.port, { tls: {} })
    const bodies = SIZES.map((size) => randomBytes(size))

    for (const [i, body] of bodies.entries()) {
      wire.send(post(i % 2 === 0 ? '/slow' : '/fast', body))
      await wire.until(new RegExp(`(<\\w+>[\\s\\S]*){${i + 1}}`))
    }

    expect(wire.received.match(/<[0-9a-f]{64}>/g)).toEqual(bodies.map((body) => `<${digest(body)}>`))
    wire.close()
  })

  test('a body that comes while the chain still decides is sent whole', async () => {
    await using origin = await startOrigin(hashing)
    await using gateway = await startGateway(
      `routes: { all: { match: /*, upstream: "${origin.url}", public: test, plugins: [./late.ts] } }\n`,
      {
        files: {
          'late.ts': native(`scope.addHook('onRequest', () => new Promise((resolve) => setTimeout(resolve, 50)))`),
        },
      },
    )
    const wire = await openWire(gateway.port)
    const body = randomBytes(500_000)

    wire.send(post('/', body))

    expect(await wire.until(/<\w+>/)).toContain(digest(body))
    wire.close()
  })

  test.for([
    ['is read as a stream', 'request.exchange.upstreamRequest.tapBody(() => {})'],
    ['a plugin has looked at', 'void request.raw'],
  ] as const)(
    'a client that ends its side within a body that %s is told so once the chain has decided',
    async ([, look]) => {
      await using origin = await startOrigin(hashing)
      await using gateway = await startGateway(
        `routes: { all: { match: /*, upstream: "${origin.url}", public: test, plugins: [./late.ts] } }\n`,
        {
          files: {
            'late.ts': native(
              `scope.addHook('onRequest', (request) => { ${look}; return new Promise((go) => setTimeout(go, 50)) })`,
            ),
          },
        },
      )
      const wire = await openWire(gateway.port, { allowHalfOpen: true })

      wire.send(post('/', Buffer.alloc(1000)).slice(0, -1))
      wire.socket.end()

      expect(await wire.closed()).toMatch(/^HTTP\/1.1 400 /)
    },
  )

  test('the rest of a body whose answer came early is passed over', async () => {
    await using origin = await startOrigin((request, response) => {
      request.on('error', () => {})
      response.writeHead(413).end('<early>')
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    // More than all buffers on the way hold.
    const body = randomBytes(30_000_000)

    wire.send(post('/', body))

    expect(await wire.closed()).toMatch(/^HTTP\/1.1 413 [\s\S]*^connection: close[\s\S]*<early>/im)
    await expect.poll(() => gateway.metrics()).toMatch(/sluice_inflight_requests 0/)
  })

  test('an origin that answers early and reads on is sent nothing but the beginning of the body', async () => {
    const body = randomBytes(16_000_000)
    const all: OriginConnection[] = []
    await using origin = await scriptedOrigin(async (connection) => {
      all.push(connection)
      await connection.request()
      connection.socket.pause()
    })
    await using gateway = await startGateway(open(`http://127.0.0.1:${origin.port}`))
    const wire = await openWire(gateway.port)

    wire.send(post('/', body))
    await expect.poll(() => all[0]?.socket.isPaused()).toBe(true)
    await unchanged(() => unsentBytes(wire.socket))
    const [connection] = all
    // It may come before what is sent here is known to be sent.
    const drained = once(wire.socket, 'drain')
    await connection!.send('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nearly')
    await Promise.all([wire.until(/early/), drained])
    connection!.socket.resume()
    await unchanged(() => connection!.received.length)

    const { received } = connection!
    expect(received.length).toBeGreaterThan(100_000)
    expect(received === body.toString('latin1', 0, received.length)).toBe(true)
    wire.close()
  })

  test('connections that go to Node behind a body take no memory for bodies along', async () => {
    await using origin = await scriptedOrigin(async (connection) => {
      await connection.request()
      await connection.bytes(10_000)
      connection.socket.resetAndDestroy()
    })
    await using gateway = await startGateway(open(`http://127.0.0.1:${origin.port}`))
    const before = bodyBuffer()
    drop(before)

    const leave = async () => {
      const wire = await openWire(gateway.port)
      wire.send(post('/', Buffer.alloc(20_000)).slice(0, -5))
      await wire.until(/^HTTP\/1.1 502 /)
      wire.send('12345this is no request\r\n\r\n')
      await wire.closed()
    }
    await Promise.all(Array.from({ length: 130 }, leave))

    const after = bodyBuffer()
    drop(after)
    expect(after.length).toBe(before.length)
  })

  test('a client that leaves within a large body ends it at the origin, and others are served from the same memory', async () => {
    let broken = 0
    await using origin = await startOrigin((request, response) => {
      request.on('error', () => broken++)
      hashing(request, response)
    })
    await using gateway = await startGateway(open(origin.url))
    const body = randomBytes(1_000_000)

    for (let i = 0; i < 4; i++) {
      const leaving = await openWire(gateway.port)
      leaving.send(post('/slow', body).slice(0, 600_000))
      await expect.poll(() => origin.requests.length).toBe(2 * i + 1)
      leaving.close()
      const staying = await openWire(gateway.port)
      staying.send(post('/slow', body))
      expect(await staying.until(/<\w+>/)).toContain(digest(body))
      staying.close()
    }

    await expect.poll(() => broken).toBe(4)
  })

  test('an origin that takes nothing stops the client, and gets the rest when it goes on', async () => {
    await using origin = await startOrigin((request, response) => {
      setTimeout(() => hashing(request, response), 200)
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    const body = randomBytes(30_000_000)

    const isTaken = wire.socket.write(Buffer.from(post('/fast', body), 'latin1'))
    expect(isTaken).toBe(false)
    expect(wire.socket.writableLength).toBeGreaterThan(0)
    await once(wire.socket, 'drain')

    expect(await wire.until(/<\w+>/)).toContain(digest(body))
    wire.close()
  })
}
