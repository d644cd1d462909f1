import { once } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { makeCertificate } from '../support/certificate.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'

const first = makeCertificate('first.example')
const wild = makeCertificate('wild', { san: 'DNS:*.wild.example,DNS:wild.example' })
const exact = makeCertificate('exact', { san: 'DNS:exact.wild.example' })
const files = {
  'first.crt': first.cert,
  'first.key': first.key,
  'wild.crt': wild.cert,
  'wild.key': wild.key,
  'exact.crt': exact.cert,
  'exact.key': exact.key,
}
const pair = (name: string) => `{ cert: ${name}.crt, key: ${name}.key }`
const three = `[${pair('first')}, ${pair('wild')}, ${pair('exact')}]`
const yaml = (certificates = three, body = 'one') => `
listen: [{ url: "https://127.0.0.1:0", certificates: ${certificates} }]
routes:
  a: { match: /a, respond: { body: ${body} }, public: "test" }
`

async function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  await once(socket, 'secureConnect')
  return socket
}

async function commonNameFor(gateway: TestGateway, servername?: string): Promise<unknown> {
  const socket = await handshake(gateway.port, servername === undefined ? {} : { servername })
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return subject.CN
}

async function statusOn(socket: TLSSocket, host: string): Promise<string> {
  socket.write(`GET /a HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  const [answer] = await once(socket, 'data')
  return String(answer).slice(9, 12)
}

describe('a listener with several certificates', () => {
  test.for([
    ['the one with that name', 'exact.wild.example', 'exact'],
    ['in any case', 'EXACT.wild.EXAMPLE', 'exact'],
    ['the wildcard where none has it exactly', 'other.wild.example', 'wild'],
    ['none by a wildcard for two labels', 'a.b.wild.example', 'first.example'],
    ['the first for a name that none has', 'nobody.example', 'first.example'],
    ['the first where no name is asked for', undefined, 'first.example'],
  ] as const)('shows %s', async ([, servername, shown]) => {
    await using gateway = await startGateway(yaml(), { files })

    expect(await commonNameFor(gateway, servername)).toBe(shown)
  })

  test('tells when each of them ends', async () => {
    await using gateway = await startGateway(yaml(), { files })

    const metrics = await gateway.metrics()

    expect(metrics).toMatch(/^sluice_tls_certificate_expiry_timestamp_seconds\{name="listen\[0\]"\} 1\d{9}$/m)
    expect(metrics).toMatch(
      /^sluice_tls_certificate_expiry_timestamp_seconds\{name="listen\[0\]\.certificates\[2\]"\} 1\d{9}$/m,
    )
  })

  test.for([
    ['the name it was opened for', 'wild.example', '200'],
    ['another name of that certificate', 'b.wild.example:443', '200'],
    ['a name of another certificate', 'exact.wild.example', '421'],
    ['a name that no certificate has, which is the first one’s', 'nobody.example', '421'],
  ] as const)('answers a request for %s, on one connection, %s', async ([, host, status]) => {
    await using gateway = await startGateway(yaml(), { files })
    const socket = await handshake(gateway.port, { servername: 'wild.example' })

    expect(await statusOn(socket, host)).toBe(status)
    socket.destroy()
  })
})

describe('certificate files that change', () => {
  const renewed = makeCertificate('first.example')

  test('are seen by new handshakes, without a request lost and with open connections kept', async () => {
    await using gateway = await startGateway(yaml(`[${pair('first')}]`), { files, watch: true })
    const old = await handshake(gateway.port)
    const failures: unknown[] = []
    let stop = false
    const load = async () => {
      while (!stop) {
        const options = { port: gateway.port, path: '/a', rejectUnauthorized: false, agent: false as const }
        const request = httpsRequest(options).end()
        await once(request, 'response').then(
          ([response]) => response.resume(),
          (error) => failures.push(error),
        )
      }
    }
    const clients = [load(), load()]

    await writeFile(join(gateway.folder, 'next.crt'), renewed.cert)
    await writeFile(join(gateway.folder, 'next.key'), renewed.key)
    await rename(join(gateway.folder, 'next.crt'), join(gateway.folder, 'first.crt'))
    await rename(join(gateway.folder, 'next.key'), join(gateway.folder, 'first.key'))

    await expect
      .poll(async () => (await handshake(gateway.port, { ca: renewed.cert, servername: 'first.example' })).authorized)
      .toBe(true)
    stop = true
    await Promise.all(clients)
    expect(failures).toEqual([])
    expect(await statusOn(old, 'first.example')).toBe('200')
    old.destroy()
  })

  test('into what cannot be used leave the old pair in place, and are reported', async () => {
    await using gateway = await startGateway(yaml(`[${pair('first')}]`), { files })
    await writeFile(join(gateway.folder, 'first.crt'), renewed.cert)

    const result = await gateway.gateway.reload()

    expect(result).toMatchObject({ ok: false, diagnostics: [{ code: 'bad-certificate' }] })
    expect(await gateway.metrics()).toMatch(/^sluice_config_last_reload_successful 0$/m)
    const socket = await handshake(gateway.port, { ca: first.cert, servername: 'first.example' })
    expect(socket.authorized).toBe(true)
    socket.destroy()
  })
})
