/** Whoever connects between the binding of an address and the moment it is served. */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { expect, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { Listener } from '../../src/listener/listener.ts'
import { makeCertificate } from '../support/certificate.ts'

const pair = makeCertificate()
const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n'

/** A listener that is bound, and serves nothing yet. */
async function bound(listen: string) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-early-'))
  for (const part of ['cert', 'key'] as const) await writeFile(join(folder, part), pair[part])
  await writeFile(join(folder, 'gateway.yaml'), `listen: ${listen}\nroutes: {}\n`)
  const { config, diagnostics } = await loadConfig(join(folder, 'gateway.yaml'))
  await rm(folder, { recursive: true })
  expect(diagnostics).toEqual([])
  const { listeners, limits } = config as Config
  const listener = new Listener(listeners[0]!, limits, {
    handler: {
      request(_raw, response) {
        response.writeHead(200, 'OK', ['content-length', '2'])
        response.end('ok', 'latin1')
        return true
      },
    },
    ticketSecret: Buffer.alloc(48),
  })
  return { listener, port: await listener.listen(), serve: () => listener.apply(listeners[0]!, limits) }
}

const connecting = {
  http: (port: number) => connect(port, '127.0.0.1'),
  https: (port: number) => connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: pair.cert }),
}

test.for([
  ['http', 'http://127.0.0.1:0'],
  ['https', '[{ url: "https://127.0.0.1:0", certificates: [{ cert: cert, key: key }] }]'],
] as const)('is answered over %s when it is, twice on one connection', async ([protocol, listen]) => {
  const { listener, port, serve } = await bound(listen)
  const client = connecting[protocol](port)
  client.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n')
  await expect.poll(() => listener.connections()).toBe(1)

  serve()
  const [first] = await once(client, 'data')
  client.write('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
  const [second] = await once(client, 'data')

  expect([String(first).startsWith(answer), String(second).startsWith(answer)]).toEqual([true, true])
  client.destroy()
  await listener.close()
})

test('is cut off where it never is', async () => {
  const { listener, port } = await bound('http://127.0.0.1:0')
  const client = connecting.http(port)
  client.on('error', () => {})
  await expect.poll(() => listener.connections()).toBe(1)

  await listener.close()

  if (!client.closed) await once(client.resume(), 'close')
})
