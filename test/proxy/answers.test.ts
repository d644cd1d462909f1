import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange, openWire, statusOf } from '../support/wire.ts'

const open = (url: string) => `routes:\n  all: { match: /*, upstream: "${url}", public: "test" }\n`

/** An upstream that answers each connection's first request with these bytes, then does as told. */
async function rawOrigin(answer: string, then: (socket: Socket) => void = () => {}) {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(Buffer.from(answer, 'latin1'))
      then(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const get = (path = '/', headers = '') => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${headers}\r\n`

describe('an answer', () => {
  test.for([
    ['plain', ''],
    ['that Node reads', 'Trailer: x\r\n'],
  ])('sends its head on before the first byte of its body, to a request %s', async ([, fields]) => {
    await using origin = await rawOrigin('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n')
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)

    wire.send(get('/', fields))

    await wire.until(/^HTTP\/1.1 200 OK[\s\S]*\r\n\r\n$/)
    for (const socket of origin.sockets) socket.end()
    expect(await wire.closed()).toMatch(/content-length: 5/i)
  })

  test('keeps its status, reason, fields in order and repeated cookies', async () => {
    await using origin = await rawOrigin(
      'HTTP/1.1 299 Fine By Me\r\nX-B: 2\r\nX-A: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok',
    )
    await using gateway = await startGateway(open(origin.url))

    const answer = await exchange(gateway.port, get())

    expect(answer).toMatch(/^HTTP\/1\.1 299 Fine By Me\r\n/)
    expect(answer).toMatch(/X-B: 2\r\nX-A: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n/)
    expect(answer).toMatch(/\r\n\r\nok$/)
  })

  test('loses the upstream’s hop-by-hop fields and gains ours', async () => {
    await using origin = await rawOrigin(
      'HTTP/1.1 200 OK\r\nConnection: x-secret-hop, keep-alive\r\nX-Secret-Hop: 1\r\nKeep-Alive: timeout=9\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n',
    )
    await using gateway = await startGateway(open(origin.url))

    const answer = await exchange(gateway.port, get())

    expect(answer).not.toMatch(/x-secret-hop|timeout=9|h2c/i)
    expect(answer).toMatch(/^x-request-id: [0-9a-f-]{36}\r$/m)
    expect(answer).toMatch(/^via: 1\.1 sluice-[0-9a-f]{8}\r$/m)
  })

  // RFC 9110 §9.3.2, §15.3.5, §15.4.5.
  test.for([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n', /content-length: 100/i],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 100\r\n\r\n', /etag: "a"/i],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n', /^HTTP\/1\.1 204/],
  ] as const)('without body to %s ends with its head: %s', async ([method, bytes, expected]) => {
    await using origin = await rawOrigin(bytes)
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    wire.send(`${method} / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`)

    const answer = await wire.closed()

    expect(answer).toMatch(expected)
    expect(answer.endsWith('\r\n\r\n')).toBe(true)
  })

  test('passes trailers of a chunked body, without those that frame, authenticate or are of the connection', async () => {
    await using origin = await rawOrigin(
      'HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Checksum: 1\r\nContent-Length: 9\r\nx-hop: 1\r\nPragma: x\r\nSet-Cookie: a\r\n\r\n',
    )
    await using gateway = await startGateway(open(origin.url))

    const answer = await exchange(gateway.port, get())

    expect(answer).toMatch(/2\r\nok\r\n0\r\nX-Checksum: 1\r\n\r\n$/)
  })

  test('is told with the length that it has, whatever zeros stood before it', async () => {
    await using origin = await rawOrigin(
      `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${'0'.repeat(22)}2\r\n\r\nok`,
    )
    await using gateway = await startGateway(open(origin.url))

    expect(await exchange(gateway.port, get())).toMatch(/\r\ncontent-length: 2\r\n[\s\S]*\r\n\r\nok$/i)
    const { headers } = await gateway.fetch('/', { method: 'HEAD' })
    expect(headers.get('content-length')).toBe('2')
  })

  test('passes interim answers on', async () => {
    await using origin = await rawOrigin(
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 9\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    )
    await using gateway = await startGateway(open(origin.url))

    const wire = await openWire(gateway.port)
    wire.send(get('/', 'Connection: close\r\n'))

    expect(await wire.closed()).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*ok$/,
    )
  })

  test('passes interim answers on without what the last one would lose', async () => {
    const lost = 'Connection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nX-Request-Id: evil\r\nProxy-Authenticate: Basic\r\n'
    await using origin = await rawOrigin(
      `HTTP/1.1 103 Early Hints\r\n${lost}Link: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
    )
    await using gateway = await startGateway(open(origin.url))

    const wire = await openWire(gateway.port)
    wire.send(get('/', 'Connection: close\r\n'))

    expect(await wire.closed()).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*ok$/,
    )
  })

  test('that ends with the upstream’s connection is chunked for HTTP/1.1 and whole', async () => {
    await using origin = await rawOrigin('HTTP/1.1 200 OK\r\n\r\nuntil the end', (socket) => socket.end())
    await using gateway = await startGateway(open(origin.url))

    expect(await (await gateway.fetch('/')).text()).toBe('until the end')
  })

  test('in chunks is plain for an HTTP/1.0 client', async () => {
    await using origin = await rawOrigin('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n')
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    wire.send('GET / HTTP/1.0\r\n\r\n')

    const answer = await wire.closed()

    expect(answer).not.toMatch(/transfer-encoding/i)
    expect(answer).toMatch(/\r\n\r\nok$/)
  })
})

describe('an upstream that fails', () => {
  // Codes and statuses: DESIGN §6, STYLE §6.
  test.for([
    ['says nothing that is HTTP', 'hello\r\n\r\n', 502, 'upstream-malformed'],
    [
      'sends two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      502,
      'upstream-malformed',
    ],
    [
      'sends a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      502,
      'upstream-malformed',
    ],
    ['switches protocols unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n', 502, 'upstream-malformed'],
    ['folds a line', 'HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n\r\n', 502, 'upstream-malformed'],
    [
      'sends a head without end',
      `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n`,
      502,
      'upstream-head-too-large',
    ],
  ] as const)('and %s is answered for', async ([, bytes, status, code]) => {
    await using origin = await rawOrigin(bytes)
    await using gateway = await startGateway(open(origin.url))

    const response = await gateway.fetch('/')

    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ type: `urn:sluice:problem:${code}`, status, code })
    expect(response.headers.get('content-type')).toBe('application/problem+json')
  })

  test('by closing before it answers is 502 upstream-closed', async () => {
    await using origin = await rawOrigin('', (socket) => socket.destroy())
    await using gateway = await startGateway(open(origin.url))

    expect(await (await gateway.fetch('/')).json()).toMatchObject({ code: 'upstream-closed', status: 502 })
  })

  test('by not being there is 502 upstream-refused', async () => {
    const origin = await rawOrigin('')
    await using gateway = await startGateway(open(origin.url))
    // Not before: the gateway could be given its port.
    await origin[Symbol.asyncDispose]()

    expect(await (await gateway.fetch('/')).json()).toMatchObject({ code: 'upstream-refused', status: 502 })
  })

  test('by never answering is 504 upstream-timeout', async () => {
    await using origin = await rawOrigin('')
    await using gateway = await startGateway(`
upstreams:
  slow: { targets: ["${origin.url}"], timeouts: { response: 200ms } }
routes:
  all: { match: /*, upstream: slow, public: "test" }
`)

    expect(await (await gateway.fetch('/')).json()).toMatchObject({ code: 'upstream-timeout', status: 504 })
  })

  test.for([
    ['a body with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'],
    ['a chunked body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ] as const)('in the middle of %s breaks the transfer off', async ([, bytes]) => {
    await using origin = await rawOrigin(bytes, (socket) => socket.end())
    await using gateway = await startGateway(open(origin.url))

    const response = await gateway.fetch('/')

    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
  })

  test('in the middle of a body resets an HTTP/1.0 client, which reads to the end of the connection', async () => {
    await using origin = await rawOrigin(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
      (socket) => {
        setTimeout(() => socket.destroy(), 50)
      },
    )
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    const [error] = (await Promise.all([once(wire.socket, 'error'), wire.send('GET / HTTP/1.0\r\n\r\n')]))[0]

    expect((error as NodeJS.ErrnoException).code).toBe('ECONNRESET')
  })

  test('never shows its address or its words to the client', async () => {
    await using origin = await rawOrigin('secret-words\r\n\r\n')
    await using gateway = await startGateway(open(origin.url))

    const answer = await exchange(gateway.port, get())

    expect(answer).not.toMatch(/secret-words|127\.0\.0\.1/)
  })
})

describe('a request body', () => {
  async function echoing() {
    return startOrigin((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        response.end(
          JSON.stringify({
            headers: request.headers,
            trailers: request.trailers,
            body: Buffer.concat(parts).toString('latin1'),
          }),
        )
      })
    })
  }

  test('with a length keeps it', async () => {
    await using origin = await echoing()
    await using gateway = await startGateway(open(origin.url))

    const seen = await (await gateway.fetch('/', { method: 'POST', body: 'hello' })).json()

    expect(seen).toMatchObject({ body: 'hello', headers: { 'content-length': '5' } })
  })

  test('in chunks stays in chunks, trailers and all', async () => {
    await using origin = await echoing()
    await using gateway = await startGateway(open(origin.url))

    const answer = await exchange(
      gateway.port,
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\nX-Sum: 9\r\nx-hop: 1\r\nIf-Match: x\r\nAuthorization: x\r\n\r\n',
    )

    expect(answer).toMatch(/"transfer-encoding":"chunked"/)
    expect(answer).toMatch(/"trailers":\{"x-sum":"9"\},"body":"abc"/)
  })

  test('with an unparsable content-type is none of our business', async () => {
    await using origin = await echoing()
    await using gateway = await startGateway(open(origin.url))

    const response = await gateway.fetch('/', { method: 'POST', body: 'x', headers: { 'content-type': ';;/' } })

    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ headers: { 'content-type': ';;/' } })
  })

  test('that waits for 100 Continue gets it from the gateway, once the chain has passed', async () => {
    await using origin = await echoing()
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    wire.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n')
    await wire.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/)
    wire.send('ok')

    const answer = await wire.closed()

    expect(answer).toMatch(/HTTP\/1\.1 200 OK[\s\S]*"body":"ok"/)
    expect(answer).not.toMatch(/"expect"/)
  })

  test('that waits for 100 Continue is refused without it', async () => {
    await using origin = await echoing()
    await using gateway = await startGateway(
      `routes:\n  all: { match: /*, upstream: "${origin.url}", plugins: [api-key] }\n`,
    )

    const answer = await exchange(
      gateway.port,
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n',
    )

    expect(statusOf(answer)).toBe(401)
    expect(origin.requests).toHaveLength(0)
  })

  // Whoever stands in front may send the body yet, or not: what comes next is no request for sure.
  test.for([
    ['100-continue', 401],
    ['200-maybe', 417],
  ] as const)('that waits for %s and is refused is the last on its connection', async ([expectation, status]) => {
    await using origin = await echoing()
    await using gateway = await startGateway(
      `routes:\n  all: { match: /*, upstream: "${origin.url}", plugins: [api-key] }\n`,
    )
    const wire = await openWire(gateway.port)
    wire.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: ${expectation}\r\n\r\n`)
    await wire.until(/\r\n\r\n/)
    wire.send('okGET / HTTP/1.1\r\nHost: a\r\n\r\n')

    const answer = await wire.closed()

    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*\r\nconnection: close\r\n`, 'i'))
    expect(answer.match(/HTTP\/1.1/g)).toHaveLength(1)
  })

  test('that waits for 100 Continue and is refused leaves its connection where there is no body', async () => {
    await using origin = await echoing()
    await using gateway = await startGateway(
      `routes:\n  all: { match: /*, upstream: "${origin.url}", plugins: [api-key] }\n`,
    )

    const answer = await exchange(gateway.port, 'GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n')

    expect(answer).toMatch(/^HTTP\/1.1 401 [\s\S]*\r\nconnection: keep-alive\r\n/i)
  })

  test('is still on its way when the upstream answers: the answer comes, and the connection closes', async () => {
    await using origin = await rawOrigin('HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\n\r\nno')
    await using gateway = await startGateway(open(origin.url))
    const wire = await openWire(gateway.port)
    wire.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nsome')

    const answer = await wire.closed()

    expect(answer).toMatch(/^HTTP\/1\.1 413 Too Much\r\n[\s\S]*connection: close\r\n[\s\S]*no$/i)
  })

  test('that stops arriving is 408', async () => {
    await using origin = await echoing()
    await using gateway = await startGateway(`limits: { bodyIdle: 200ms }\n${open(origin.url)}`)

    const answer = await exchange(gateway.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nsome')

    expect(statusOf(answer)).toBe(408)
  })
})

test('a client that leaves aborts its request at the upstream', async () => {
  let aborted: Promise<unknown> | undefined
  await using origin = await startOrigin((request) => {
    aborted = once(request.socket, 'close')
  })
  await using gateway = await startGateway(open(origin.url))
  const request = httpRequest(`${gateway.url}/`)
  request.on('error', () => {})
  request.end()
  await expect.poll(() => origin.requests.length).toBe(1)

  request.destroy()

  await aborted
  await expect.poll(async () => gateway.metrics()).toMatch(/sluice_inflight_requests 0/)
})

test('a kept-alive connection that the upstream closed is not the client’s problem', async () => {
  const server = createServer({ keepAliveTimeout: 1 }, (_request, response) => response.end('ok'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using gateway = await startGateway(open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))

  for (let i = 0; i < 20; i++) {
    expect((await gateway.fetch('/')).status).toBe(200)
    if (i % 5 === 4) server.closeIdleConnections()
  }

  server.closeAllConnections()
  server.close()
})

test('a request that has passed this gateway before is a loop', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(`name: edge\n${open(origin.url)}`)

  const response = await gateway.fetch('/', { headers: { via: '1.1 other, 1.1 edge (x)' } })

  expect(await response.json()).toMatchObject({ code: 'loop-detected', status: 502 })
})
