import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { accepted, handshake } from '../proxy/handshake.ts'
import { makeCertificate } from '../support/certificate.ts'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { openWire } from '../support/wire.ts'

const mine = makeCertificate()
const other = makeCertificate()

const secure = (routes: string) => `
listen: [{ url: "https://127.0.0.1:0", certificates: [{ cert: api.crt, key: api.key }] }]
routes:
  ${routes}
`
const files = { 'api.crt': mine.cert, 'api.key': mine.key }

async function get(port: number, ca: string): Promise<{ status: number; body: string; socket: TLSSocket }> {
  const request = httpsRequest({ port, host: '127.0.0.1', servername: 'localhost', ca, path: '/a', agent: false })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let body = ''
  for await (const chunk of response) body += chunk
  return { status: response.statusCode!, body, socket: response.socket as TLSSocket }
}

describe('an HTTPS listener', () => {
  test('serves with its certificate and tells the upstream the scheme', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(secure(`a: { match: /a, upstream: "${origin.url}", public: "test" }`), {
      files,
    })

    const { status } = await get(gateway.port, mine.cert)

    expect(status).toBe(200)
    expect(origin.requests[0]!.headers['x-forwarded-proto']).toBe('https')
    expect(await gateway.metrics()).toMatch(
      /sluice_tls_certificate_expiry_timestamp_seconds\{name="listen\[0\]"\} 1\d{9}/,
    )
  })

  test('sends answers of any size whole', async () => {
    const sizes = [65_000, 65_536, 66_000, 200_000]
    await using origin = await startOrigin((_request, response) =>
      response.end(`${'x'.repeat(sizes[origin.requests.length - 1]!)}>`),
    )
    await using gateway = await startGateway(secure(`a: { match: /a, upstream: "${origin.url}", public: "test" }`), {
      files,
    })
    const wire = await openWire(gateway.port, { tls: {} })

    for (const i of sizes.keys()) {
      wire.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
      await wire.until(new RegExp(`(>[^>]*){${i + 1}}`))
    }

    expect(wire.received.match(/x{9,}(?=>)/g)!.map(({ length }) => length)).toEqual(sizes)
    wire.close()
  })

  test('speaks TLS 1.2 at least, and HTTP/1.1 alone', async () => {
    await using gateway = await startGateway(secure('a: { match: /a, respond: { status: 200 }, public: "test" }'), {
      files,
    })
    const modern = connect({
      port: gateway.port,
      ca: mine.cert,
      servername: 'localhost',
      ALPNProtocols: ['h2', 'http/1.1'],
    })
    await once(modern, 'secureConnect')

    expect(modern.alpnProtocol).toBe('http/1.1')
    modern.destroy()
    const old = connect({
      port: gateway.port,
      ca: mine.cert,
      servername: 'localhost',
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
    })
    await once(old, 'error')
  })

  test('carries WebSockets', async () => {
    await using gateway = await startGateway(secure('ws: { match: /ws, upstream: builtin://echo, public: "test" }'), {
      files,
    })
    const trusted = { ca: mine.cert, servername: 'localhost' }
    const socket = new WebSocket(`wss://127.0.0.1:${gateway.port}/ws`, trusted as object)
    await once(socket, 'open')

    socket.send('hello')

    expect(String((await once(socket, 'message'))[0])).toBe('hello')
    socket.terminate()
  })

  test('takes a new certificate at a reload, while old connections live on', async () => {
    await using gateway = await startGateway(secure('a: { match: /a, respond: { status: 200 }, public: "test" }'), {
      files: { ...files, 'new.crt': other.cert, 'new.key': other.key },
    })
    const open = connect({ port: gateway.port, ca: mine.cert, servername: 'localhost' })
    await once(open, 'secureConnect')

    await gateway.reload(
      secure('a: { match: /a, respond: { status: 200 }, public: "test" }').replaceAll('api.', 'new.'),
    )

    expect((await get(gateway.port, other.cert)).status).toBe(200)
    await expect(get(gateway.port, mine.cert)).rejects.toThrow()
    open.write('GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(String((await once(open, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('answers bytes that are no TLS with nothing and lives on', async () => {
    await using gateway = await startGateway(secure('a: { match: /a, respond: { status: 200 }, public: "test" }'), {
      files,
    })
    await expect(fetch(`http://127.0.0.1:${gateway.port}/a`)).rejects.toThrow()

    expect((await get(gateway.port, mine.cert)).status).toBe(200)
  })
})

describe('an HTTPS upstream', () => {
  test('is shown our certificate, in tunnels too, and a renewed one after a reload', async () => {
    const ca = makeCertificate('ca')
    const seen: string[] = []
    const server = createServer({ ...mine, ca: ca.cert, requestCert: true, rejectUnauthorized: true })
    const see = (socket: unknown) => seen.push(String((socket as TLSSocket).getPeerCertificate().subject.CN))
    server.on('request', (request, response) => {
      see(request.socket)
      response.end('mutual')
    })
    server.on('upgrade', (_request, socket) => {
      see(socket)
      socket.end(accepted)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const files = Object.fromEntries(
      ['one', 'two'].flatMap((name) => {
        const { cert, key } = makeCertificate(name, { by: ca })
        return [
          [`${name}.crt`, cert],
          [`${name}.key`, key],
        ]
      }),
    )
    const yaml = `
upstreams: { o: { targets: ["https://localhost:${port}"], tls: { ca: ca.pem, cert: one.crt, key: one.key } } }
routes: { a: { match: /a, upstream: o, public: "test" } }
`
    await using gateway = await startGateway(yaml, { files: { ...files, 'ca.pem': mine.cert } })

    expect(await (await gateway.fetch('/a')).text()).toBe('mutual')
    const wire = await openWire(gateway.port)
    wire.send(handshake('/a'))
    expect(await wire.closed()).toMatch(/^HTTP\/1\.1 101 /)
    await gateway.reload(yaml.replaceAll('one.', 'two.'))
    await gateway.fetch('/a')

    expect(seen).toEqual(['one', 'one', 'two'])
    server.closeAllConnections()
    server.close()
  })

  async function secureOrigin() {
    const server = createServer({ ...mine }, (_request, response) => response.end('secure'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return {
      url: `https://localhost:${(server.address() as AddressInfo).port}`,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      },
    }
  }

  test('is trusted when its certificate is', async () => {
    await using origin = await secureOrigin()
    await using gateway = await startGateway(
      `upstreams: { o: { targets: ["${origin.url}"], tls: { ca: ca.pem } } }\nroutes: { a: { match: /a, upstream: o, public: "test" } }\n`,
      { files: { 'ca.pem': mine.cert } },
    )

    expect(await (await gateway.fetch('/a')).text()).toBe('secure')
  })

  test('is refused when its certificate is not, with a problem that shows nothing of it', async () => {
    await using origin = await secureOrigin()
    await using gateway = await startGateway(
      `routes: { a: { match: /a, upstream: "${origin.url}", public: "test" } }\n`,
    )

    const response = await gateway.fetch('/a')

    expect(await response.json()).toMatchObject({
      status: 502,
      code: 'upstream-tls-failed',
      detail: 'No secure connection to the upstream could be made.',
    })
  })
})
