/** Targets that are Unix sockets. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { startGateway } from '../support/gateway.ts'

async function socketOrigin() {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-socket-'))
  const path = join(folder, 'search.sock')
  const hosts: (string | undefined)[] = []
  const server = createServer((request, response) => {
    hosts.push(request.headers.host)
    request.pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return {
    path,
    server,
    hosts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

test.for([
  ['a name', (path: string) => `"unix:${path}"`],
  ['a list', (path: string) => `["unix:${path}"]`],
  ['a map', (path: string) => `{ targets: [{ url: "unix:${path}", weight: 2 }] }`],
] as const)('an upstream written as %s forwards to a Unix socket', async ([, written]) => {
  await using origin = await socketOrigin()
  await using gateway = await startGateway(`
upstreams: { search: ${written(origin.path)} }
routes: { all: { match: /*, upstream: search, public: test } }`)

  const answer = await gateway.fetch('/', { method: 'POST', body: 'hello' })
  expect([answer.status, await answer.text()]).toEqual([200, 'hello'])
  expect(origin.hosts).toEqual([`127.0.0.1:${gateway.port}`])
})

test('a route may name a socket, which is called localhost where the target names the host', async () => {
  await using origin = await socketOrigin()
  await using gateway = await startGateway(`
routes: { all: { match: /*, upstream: "unix:${origin.path}", host: target, public: test } }`)

  expect((await gateway.fetch('/')).status).toBe(200)
  expect(origin.hosts).toEqual(['localhost'])
})

test('a tunnel goes through the socket', async () => {
  await using origin = await socketOrigin()
  new WebSocketServer({ server: origin.server }).on('connection', (socket) => socket.send('hello'))
  await using gateway = await startGateway(`
routes: { all: { match: /*, upstream: "unix:${origin.path}", public: test } }`)

  const socket = new WebSocket(gateway.url.replace('http', 'ws'))
  const message = await new Promise((resolve, reject) => socket.on('message', resolve).on('error', reject))
  socket.close()
  expect(String(message)).toBe('hello')
})

test('a socket that is not there is answered upstream-refused, and its path told to nobody', async () => {
  await using gateway = await startGateway(
    'routes: { all: { match: /*, upstream: "unix:/nowhere/x.sock", public: test } }',
  )

  const answer = await gateway.fetch('/')
  const body = await answer.text()
  expect(answer.status).toBe(502)
  expect(body).toContain('upstream-refused')
  expect(body).not.toContain('nowhere')
})
