/** An admin listener on a free port over a source that says fixed things, and raw requests to it. */
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { AdminServer, type AdminServerOptions } from '../../src/admin/server.ts'
import type { AdminSource } from '../../src/admin/source.ts'
import { createLog } from '../../src/observe/log.ts'

export const source: AdminSource = {
  status: () => ({
    version: '1.2.3',
    node: 'v26.0.0',
    generation: 7,
    configHash: 'sha256:ab',
    configFile: '/etc/sluice/<gateway>.yaml',
    startedAt: '2026-01-01T00:00:00.000Z',
    uptime: 12,
    threads: 1,
    workers: [{ id: 1, generation: 7, requests: 3 }],
    lastReload: { ok: true, at: '2026-01-01T00:00:00.000Z' },
  }),
  routes: async () => [{ name: 'orders' }, { name: 'status' }],
  routeNames: () => ['orders', 'status'],
  config: async () => 'listen: http://127.0.0.1:8080\n',
  reload: async () => ({ ok: true, generation: 8, changed: true }),
  ready: () => true,
  metrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'up 1\n' }),
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  readonly json: () => Record<string, unknown>
}

export interface Admin extends AsyncDisposable {
  readonly port: number
  readonly logged: string[]
  send(path: string, init?: { method?: string; headers?: Record<string, string>; body?: string }): Promise<Answer>
  /** What comes back for these bytes until the server closes. */
  raw(bytes: string): Promise<string>
}

export async function startAdmin(
  overrides: Partial<AdminSource> = {},
  options: Partial<AdminServerOptions> = {},
): Promise<Admin> {
  const logged: string[] = []
  const log = createLog({ destination: { write: (line) => logged.push(line) } })
  const server = new AdminServer(
    { ...source, ...overrides },
    { hosts: [], token: undefined, metricsOpen: false, log, ...options },
  )
  await server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.address
  return {
    port,
    logged,
    send: (path, init = {}) => send(port, path, init),
    raw: (bytes) => raw(port, bytes),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

async function send(
  port: number,
  path: string,
  init: { method?: string; headers?: Record<string, string>; body?: string },
): Promise<Answer> {
  const request = httpRequest({ port, host: '127.0.0.1', path, agent: false, method: init.method ?? 'GET' })
  for (const [name, value] of Object.entries(init.headers ?? {})) request.setHeader(name, value)
  request.end(init.body)
  const [response] = await once(request, 'response')
  const body = await text(response)
  return { status: response.statusCode, headers: response.headers, body, json: () => JSON.parse(body) }
}

async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  return text(socket)
}
