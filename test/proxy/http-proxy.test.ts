/** Why tunnels are our own: what the library that was meant for them does. Each has its twin in tunnels.test.ts. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import httpProxy from 'http-proxy'
import { describe, expect, test } from 'vitest'
import { scriptedOrigin } from '../support/scripted-origin.ts'
import { openWire } from '../support/wire.ts'
import { accepted, handshake } from './handshake.ts'

async function libraryProxy(port: number) {
  const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${port}`, proxyTimeout: 200, timeout: 200 })
  proxy.on('error', () => {})
  const server = createServer()
  server.on('upgrade', (request, socket, head) => proxy.ws(request, socket, head, { connectTimeout: 200 } as never))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.close()
      proxy.close()
    },
  }
}

describe('http-proxy', () => {
  test('takes a 101 to another protocol, with the answer to another key, for the one it asked for', async () => {
    await using origin = await scriptedOrigin(async (connection) => {
      await connection.request()
      await connection.send(accepted.replace('Upgrade: websocket', 'Upgrade: h2c').replace('s3pP', 'S3pP'))
    })
    await using proxy = await libraryProxy(origin.port)
    const wire = await openWire(proxy.port)
    wire.send(handshake('/ws'))

    expect(await wire.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 101 [\s\S]*h2c/)
    wire.close()
  })

  test('waits on an upstream that never answers, whatever timeouts it is given', async () => {
    await using origin = await scriptedOrigin(() => {})
    await using proxy = await libraryProxy(origin.port)
    const wire = await openWire(proxy.port)
    wire.send(handshake('/ws'))

    const end = await Promise.race([
      wire.closed().then(() => 'closed'),
      new Promise((resolve) => setTimeout(() => resolve('still waiting'), 1000)),
    ])

    expect(end).toBe('still waiting')
    wire.close()
  })
})
