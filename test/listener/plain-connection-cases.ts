/** What holds of a plain connection, however its bytes are read: see the two tests that run it. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { openWire } from '../support/wire.ts'

const open = (url: string) => `routes: { all: { match: /*, upstream: "${url}", public: test } }\n`
/** For clients that send a byte in each turn of a busy loop. */
const patient = 'limits: { headTimeout: 1h, bodyIdle: 1h }\n'
const get = (path: string, fields = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`

export function plainConnectionTests(): void {
  test.concurrent('pipelined requests are answered in order, with bodies and without', async ({ expect }) => {
    await using origin = await startOrigin((request, response) => {
      const answer = () => response.end(`<${request.method} ${request.url}>`)
      request.resume()
      // The first is the slowest.
      if (request.url === '/1') setTimeout(answer, 50)
      else answer()
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)

    wire.send(`${get('/1')}${get('/2')}POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc${get('/4')}`)

    const received = await wire.until(/\/4>/)
    expect(received.match(/<.*?>/g)).toEqual(['<GET /1>', '<GET /2>', '<POST /3>', '<GET /4>'])
    wire.send(get('/5'))
    await wire.until(/<GET \/5>/)
    wire.close()
  })

  test('pipelined requests are read ahead by a little, not by all that the client sends', async ({ expect }) => {
    await using gateway = await startGateway(open('builtin://echo'))
    const accepted = Promise.withResolvers<Socket>()
    const onSocket = (message: unknown) => {
      const { socket } = message as { socket: Socket }
      if (socket.localPort === gateway.port) accepted.resolve(socket)
    }
    subscribe('net.server.socket', onSocket)
    const wire = await openWire(gateway.port)
    const socket = await accepted.promise
    unsubscribe('net.server.socket', onSocket)
    const request = get('/', `X-Long: ${'x'.repeat(1000)}\r\n`)
    const count = 2000
    let answers = 0
    let most = 0
    wire.socket.on('data', (chunk) => {
      answers += chunk.toString('latin1').split('HTTP/1.1 200').length - 1
      most = Math.max(most, socket.bytesRead - answers * request.length)
    })

    wire.send(request.repeat(count))

    await expect.poll(() => answers).toBe(count)
    // What is read ahead, and what one read brings.
    expect(most).toBeLessThan(300_000)
    wire.close()
  })

  test.concurrent('a target that goes on and on is refused, not waited for', async ({ expect }) => {
    await using gateway = await startGateway(`limits: { headTimeout: 1h }\n${open('builtin://echo')}`)
    const wire = await openWire(gateway.port)

    wire.send(`GET /${'a'.repeat(64 * 1024)}`)

    expect(await wire.closed()).toMatch(/^HTTP\/1.1 431 [\s\S]*"code":"headers-too-large"/)
  })

  test.concurrent('a head that comes in pieces is read when it has come', async ({ expect }) => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(patient + open(origin.url))
    const wire = await openWire(gateway.port)
    const bytes = get('/slow')
    for (const byte of bytes) {
      wire.send(byte)
      await new Promise(setImmediate)
    }

    await wire.until(/HTTP\/1.1 200/)
    expect(origin.requests.map((request) => request.url)).toEqual(['/slow'])
    wire.close()
  })

  test.concurrent('a client that ends its side with its request is answered', async ({ expect }) => {
    await using origin = await startOrigin((_request, response) => void setTimeout(() => response.end('late'), 60))
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)

    wire.socket.end(get('/1') + get('/2'))

    const received = await wire.closed()
    expect(received.match(/late/g)).toHaveLength(2)
    expect(received.replaceAll('HTTP/1.1 100 Continue\r\n\r\n', '').match(/HTTP\/1.1 200/g)).toHaveLength(2)
  })

  test.concurrent.for([
    ['that begins and does not end', 'GET / HTTP/1.1\r\nHos'],
    ['that never begins', ''],
  ] as const)('a head %s is refused in time', async ([, bytes], { expect }) => {
    await using gateway = await startGateway(`limits: { headTimeout: 100ms }\n${open('builtin://echo')}`)
    const wire = await openWire(gateway.port)
    wire.send(bytes)

    expect(await wire.closed()).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"request-timeout"/)
  })

  test.concurrent('a head that stops short with its connection is refused', async ({ expect }) => {
    await using gateway = await startGateway(open('builtin://echo'))
    const wire = await openWire(gateway.port)
    wire.socket.end('GET / HTTP/1.1\r\nHos')

    expect(await wire.closed()).toMatch(/^HTTP\/1.1 400 [\s\S]*"code":"bad-request"/)
  })

  test.concurrent('a connection that is idle for too long is closed without a word', async ({ expect }) => {
    await using gateway = await startGateway(`limits: { idleTimeout: 1s }\n${open('builtin://echo')}`)
    const wire = await openWire(gateway.port)
    wire.send(get('/'))
    const answer = await wire.until(/\r\n\r\n\{[\s\S]*\}/)

    expect(await wire.closed()).toBe(answer)
    expect(answer).toMatch(/Keep-Alive: timeout=1\r\n/)
  })

  test.concurrent('a small chunked answer leaves in one piece', async ({ expect }) => {
    await using origin = await startOrigin((_request, response) => {
      response.write('one')
      response.end('two')
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    const pieces: string[] = []
    wire.socket.on('data', (chunk: Buffer) => pieces.push(chunk.toString('latin1')))
    wire.send(get('/'))

    await wire.until(/0\r\n\r\n$/)
    expect(pieces.join('')).toMatch(/\r\n\r\n(3\r\none\r\n3\r\ntwo|6\r\nonetwo)\r\n0\r\n\r\n$/)
    wire.close()
  })

  test.concurrent('a route with a foreign plugin is served on Node’s own objects', async ({ expect }) => {
    const files = {
      'node_modules/stamp/package.json': '{ "name": "stamp", "type": "module", "main": "index.js" }',
      'node_modules/stamp/index.js': `const stamp = async (app) => {
        app.addHook('onSend', async (request, reply) => void reply.header('x-raw', request.raw.constructor.name))
      }
      stamp[Symbol.for('skip-override')] = true
      export default stamp`,
    }
    const yaml = `routes:
    own: { match: /own, upstream: "builtin://echo", public: test }
    foreign: { match: /foreign, upstream: "builtin://echo", public: test, plugins: [stamp] }
  `
    await using gateway = await startGateway(yaml, { files })
    const wire = await openWire(gateway.port)
    wire.send(get('/own') + get('/foreign') + get('/own'))

    const received = await wire.until(/(HTTP\/1.1 200[\s\S]*){3}\}\s*$/)
    expect(received.match(/x-raw: \w+/gi)).toHaveLength(1)
    wire.close()
  })

  test.concurrent('an answer that a client does not take is broken off', async ({ expect }) => {
    await using origin = await startOrigin((_request, response) => void response.end(Buffer.alloc(64 * 1024 * 1024)))
    await using gateway = await startGateway(`limits: { bodyIdle: 300ms }\n${open(origin.url)}`)
    const wire = await openWire(gateway.port)
    wire.socket.pause()
    wire.send(get('/'))

    await expect.poll(() => gateway.metrics()).toMatch(/sluice_inflight_requests 0/)
    wire.socket.resume()
    expect((await wire.closed()).length).toBeLessThan(64 * 1024 * 1024)
  })

  test.concurrent('a draining listener says so on connections that are open', async ({ expect }) => {
    await using origin = await startOrigin((_request, response) => void setTimeout(() => response.end('ok'), 100))
    await using gateway = await startGateway(open(origin.url))
    const [busy, idle] = [await openWire(gateway.port), await openWire(gateway.port)]
    busy.send(get('/'))
    await expect.poll(() => origin.requests.length).toBe(1)

    const stopped = gateway.gateway.stop()

    expect(await busy.closed()).toMatch(/Connection: close\r\n[\s\S]*ok/)
    await idle.closed()
    await stopped
  })

  test.concurrent('an information answer of the origin comes before the answer', async ({ expect }) => {
    await using origin = await startOrigin((_request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.end('ok')
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    wire.send(get('/'))

    expect(await wire.until(/ok/)).toMatch(/^HTTP\/1.1 103 Early Hints\r\nlink: [\s\S]*\r\n\r\nHTTP\/1.1 200 OK/i)
    wire.close()
  })

  test.concurrent('a reset while an answer streams ends it at the origin', async ({ expect }) => {
    let gone: Promise<unknown> | undefined
    await using origin = await startOrigin((request, response) => {
      gone = once(request.socket, 'close')
      response.write('first')
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    wire.send(get('/'))
    await wire.until(/first/)

    wire.socket.resetAndDestroy()

    await gone
    await expect.poll(() => gateway.metrics()).toMatch(/sluice_inflight_requests 0/)
  })

  test.concurrent('a client that asks again and again and reads nothing is let go', async ({ expect }) => {
    await using origin = await startOrigin((_request, response) => void response.end('x'.repeat(100_000)))
    await using gateway = await startGateway(`limits: { bodyIdle: 300ms }\n${open(origin.url)}`)
    const wire = await openWire(gateway.port)
    wire.socket.pause()
    let asked = 0
    const ask = setInterval(() => {
      wire.send(get('/').repeat(20))
      asked += 20
    }, 1)
    try {
      await new Promise((closed) => wire.socket.once('close', closed))
    } finally {
      clearInterval(ask)
    }

    expect(origin.requests.length).toBeLessThan(asked)
    await expect.poll(() => gateway.metrics()).toMatch(/sluice_inflight_requests 0/)
  })

  test.concurrent('what one client has sent of a head stays apart from what others send meanwhile', async () => {
    await using origin = await startOrigin((request, response) => response.end(`<${request.url}>`))
    await using gateway = await startGateway(open(origin.url))
    const [slow, pipelining, other] = await Promise.all([1, 2, 3].map(() => openWire(gateway.port)))

    slow!.send('GET /slow HTTP/1.1\r\nHo')
    pipelining!.send(`${get('/first')}GET /second HTTP`)
    await pipelining!.until(/<\/first>/)
    other!.send(get('/other-and-much-longer-than-what-the-two-have-sent', 'X-A: xxxxxxxxxxxxxxxx\r\n'))
    await other!.until(/<\/other/)
    slow!.send('st: a\r\n\r\n')
    pipelining!.send('/1.1\r\nHost: a\r\n\r\n')

    await slow!.until(/<\/slow>/)
    await pipelining!.until(/<\/second>/)
    for (const wire of [slow, pipelining, other]) wire!.close()
  })

  test.concurrent('a body that follows plain requests arrives whole, however much comes at once', async () => {
    await using origin = await startOrigin((request, response) => {
      let length = 0
      request.on('data', (chunk: Buffer) => {
        length += chunk.length
      })
      request.on('end', () => response.end(`<${length}>`))
    })
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)

    wire.send(get('/1'))
    await wire.until(/<0>/)
    const length = 1_000_000
    wire.send(`POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`)

    await wire.until(/<1000000>/)
    wire.close()
  })

  test.concurrent('a body in pieces arrives whole, and what follows it is the next request', async ({ expect }) => {
    await using origin = await startOrigin(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      response.end(`<${request.method} ${Buffer.concat(chunks)}>`)
    })
    await using gateway = await startGateway(patient + open(origin.url))
    const wire = await openWire(gateway.port)
    const bytes = `POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde${get('/2')}`

    for (const byte of bytes) {
      wire.send(byte)
      await new Promise(setImmediate)
    }

    expect((await wire.until(/<GET/)).match(/<.*?>/g)).toEqual(['<POST abcde>', '<GET >'])
    wire.close()
  })

  test.concurrent('a small body that nobody reads is passed over, and the next request is answered', async ({
    expect,
  }) => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(`
consumers: { a: { keys: ["sha256:${'0'.repeat(64)}"] } }
routes:
  closed: { match: /closed, upstream: "${origin.url}", plugins: [api-key] }
  open: { match: /open, respond: { status: 204 }, public: test }
`)
    const wire = await openWire(gateway.port)

    wire.send(`POST /closed HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n${'x'.repeat(1000)}`)
    await wire.until(/HTTP\/1.1 401/)
    wire.send(`${'x'.repeat(4000)}${get('/open')}`)

    await wire.until(/HTTP\/1.1 204/)
    expect(origin.requests).toEqual([])
    wire.close()
  })

  test.concurrent('a client that ends its side within a body is told that this is no request', async ({ expect }) => {
    await using origin = await startOrigin((request) => void request.resume())
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    wire.send('POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab')
    await expect.poll(() => origin.requests.length).toBe(1)

    wire.socket.end()

    expect(await wire.closed()).toMatch(/^HTTP\/1.1 400 /)
  })

  test.concurrent('answers of all sizes that are made at once come out whole, each where it belongs', async ({
    expect,
  }) => {
    const sizes = [0, 1, 1023, 1025, 5000, 16_385, 40_000, 65_535, 65_537, 130_000]
    const bodyOf = (path: string) => path.repeat(200_000 / path.length).slice(0, sizes[Number(path.at(-1))])
    await using origin = await startOrigin((request, response) => {
      const path = request.url!
      // A length or none, and with none in one chunk or in many.
      if (path.startsWith('/l')) response.setHeader('content-length', bodyOf(path).length)
      if (path.startsWith('/m')) for (let at = 0; at < 3000; at += 100) response.write(bodyOf(path).slice(at, at + 100))
      response.end(path.startsWith('/m') ? bodyOf(path).slice(3000) : bodyOf(path))
    })
    await using gateway = await startGateway(open(origin.url))
    const paths = ['l', 'c', 'm'].flatMap((kind) => sizes.map((_, index) => `/${kind}-${index}`))
    const ask = async (client: number) => {
      const wire = await openWire(gateway.port)
      const mine = paths.map((_, at) => paths[(at * 7 + client) % paths.length]!)
      // Some do not read for a while, so that what they are sent waits.
      if (client % 3 === 0) wire.socket.pause()
      wire.send(`${mine.map((path) => get(path)).join('')}GET / HTTP/1.0\r\n\r\n`)
      if (client % 3 === 0) setTimeout(() => wire.socket.resume(), 100)
      return { mine, received: await wire.closed() }
    }

    const clients = await Promise.all(Array.from({ length: 12 }, (_, client) => ask(client)))

    for (const { mine, received } of clients) {
      const answers = bodiesOf(received)
      expect(answers.slice(0, mine.length).map((body) => body.length)).toEqual(mine.map((path) => bodyOf(path).length))
      expect(mine.every((path, at) => answers[at] === bodyOf(path))).toBe(true)
    }
  })
}

/** The bodies of answers that came one after the other, with a length or chunked. */
function bodiesOf(received: string): string[] {
  const bodies: string[] = []
  let rest = received
  while (rest.startsWith('HTTP/1.1 ')) {
    const end = rest.indexOf('\r\n\r\n') + 4
    const head = rest.slice(0, end)
    rest = rest.slice(end)
    const length = /^content-length: (\d+)/im.exec(head)
    if (length !== null || !/^transfer-encoding: chunked/im.test(head)) {
      bodies.push(rest.slice(0, Number(length?.[1] ?? rest.length)))
      rest = rest.slice(bodies.at(-1)!.length)
      continue
    }
    let body = ''
    for (let size = -1; size !== 0; ) {
      size = Number.parseInt(rest, 16)
      const from = rest.indexOf('\r\n') + 2
      body += rest.slice(from, from + size)
      rest = rest.slice(from + size + 2)
    }
    bodies.push(body)
  }
  return bodies
}
