/** Connections over TLS: who is trusted, under which name, and what a failure is called. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { afterAll, expect, test } from 'vitest'
import { response } from '../support/scripted-origin.ts'
import { type Asked, testPool } from './ask.ts'

const folder = mkdtempSync(join(tmpdir(), 'http1-tls-'))
execFileSync('openssl', [
  ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
  ...['-subj', '/CN=origin.test', '-addext', 'subjectAltName=DNS:origin.test,IP:127.0.0.1'],
  ...['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')],
])
const key = readFileSync(join(folder, 'key.pem'))
const cert = readFileSync(join(folder, 'cert.pem'))
afterAll(() => rmSync(folder, { recursive: true }))

interface SecureOrigin extends AsyncDisposable {
  readonly port: number
  readonly handshakes: { name: string | false | null; alpn: string | false | null; isResumed: boolean }[]
}

async function secureOrigin(bytes: string | Buffer, options: tls.TlsOptions = {}): Promise<SecureOrigin> {
  const handshakes: SecureOrigin['handshakes'] = []
  const sockets = new Set<net.Socket>()
  const server = tls.createServer({ key, cert, ALPNProtocols: ['h2', 'http/1.1'], ...options }, (socket) => {
    sockets.add(socket)
    handshakes.push({
      name: (socket as tls.TLSSocket & { servername: string | false }).servername,
      alpn: socket.alpnProtocol,
      isResumed: socket.isSessionReused(),
    })
    socket.on('error', () => {})
    socket.on('data', () => socket.write(bytes))
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as net.AddressInfo).port,
    handshakes,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const trusting = { serverName: 'origin.test', rejectUnauthorized: true, ca: cert }

test('a trusted upstream is reached under its name, with http/1.1, and its connection is reused', async () => {
  await using origin = await secureOrigin(response('ok'))
  using client = testPool({ host: '127.0.0.1', port: origin.port, tls: trusting })

  expect(await client.ask().outcome()).toBe('200 ok')
  expect(await client.ask().outcome()).toBe('200 ok')
  expect(origin.handshakes).toEqual([{ name: 'origin.test', alpn: 'http/1.1', isResumed: false }])
})

test('a second connection resumes the session of the first', async () => {
  await using origin = await secureOrigin(response('ok', 'Connection: close\r\n'))
  using client = testPool({ host: '127.0.0.1', port: origin.port, tls: trusting })

  await client.ask().over()
  await client.ask().over()

  expect(origin.handshakes.map((handshake) => handshake.isResumed)).toEqual([false, true])
})

test('an address is no server name, but is checked against the certificate (RFC 6066 §3)', async () => {
  await using origin = await secureOrigin(response('ok'))
  using good = testPool({ host: '127.0.0.1', port: origin.port, tls: { ...trusting, serverName: '127.0.0.1' } })
  using bad = testPool({ host: '127.0.0.1', port: origin.port, tls: { ...trusting, serverName: '127.0.0.2' } })

  expect(await good.ask().outcome()).toBe('200 ok')
  expect(await bad.ask().outcome()).toBe('tls-failed')
  expect(origin.handshakes[0]!.name).toBe(false)
})

test.for([
  ['that nobody vouches for', { serverName: 'origin.test', rejectUnauthorized: true }],
  ['for another name', { ...trusting, serverName: 'other.test' }],
])('a certificate %s is refused before anything is sent', async ([, settings]) => {
  await using origin = await secureOrigin(response('ok'))
  using client = testPool({ host: '127.0.0.1', port: origin.port, tls: settings as typeof trusting })

  const { error } = await client.ask().over()

  expect(error).toMatchObject({ code: 'tls-failed', sent: false, answered: false })
  expect(error?.message).not.toContain('127.0.0.1')
})

test('verification ends only where it is switched off', async () => {
  await using origin = await secureOrigin(response('ok'))
  using client = testPool({
    host: '127.0.0.1',
    port: origin.port,
    tls: { serverName: 'other.test', rejectUnauthorized: false },
  })

  expect(await client.ask().outcome()).toBe('200 ok')
})

test.for(['TLSv1.2', 'TLSv1.3'] as const)(
  'an upstream that wants a certificate of ours, and gets none, is a TLS failure, in %s too',
  async (maxVersion) => {
    await using origin = await secureOrigin(response('ok'), { ca: cert, requestCert: true, maxVersion })
    using client = testPool({ host: '127.0.0.1', port: origin.port, tls: trusting })

    expect(await client.ask().outcome()).toBe('tls-failed')
  },
)

test('an upstream that only speaks h2 is a TLS failure', async () => {
  await using origin = await secureOrigin(response('ok'), { ALPNProtocols: ['h2'] })
  using client = testPool({ host: '127.0.0.1', port: origin.port, tls: trusting })

  expect(await client.ask().outcome()).toBe('tls-failed')
})

test.for(['closes', 'answers in plain text', 'is silent'])(
  'an upstream that %s instead of a handshake fails',
  async (kind) => {
    const server = net.createServer((socket) => {
      socket.on('error', () => {})
      if (kind === 'closes') socket.end()
      if (kind === 'answers in plain text') socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as net.AddressInfo
    const client = testPool({ host: '127.0.0.1', port, tls: trusting }, { connectTimeoutMs: 1000 })

    const outcome = await client.ask().outcome()

    expect(outcome).toBe(kind === 'is silent' ? 'connect-timeout' : 'tls-failed')
    client.pool.destroy()
    server.close()
  },
)

test('a large body survives pauses, and its chunks last while reading pauses', async () => {
  const body = Buffer.alloc(1_000_000, 'x')
  await using origin = await secureOrigin(
    Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body]),
  )
  using client = testPool({ host: '127.0.0.1', port: origin.port, tls: trusting })
  const kept: boolean[] = []
  const data = (asked: Asked, _chunk: Buffer, held: boolean): boolean => {
    kept.push(held)
    setImmediate(() => asked.handle.resume())
    return false
  }

  const asked = await client.ask({}, { data }).over()

  expect(asked.body).toHaveLength(body.length)
  expect(kept.every(Boolean)).toBe(true)
  expect(client.pool.stats.idle).toBe(1)
})
