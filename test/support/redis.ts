/** A real redis-server of the test's own, which can be frozen, killed and started again; and a way to it that is slow. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from './ports.ts'

export interface TestRedis extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** A client of the test's own, for looking behind the gateway's back. */
  readonly client: Redis
  /** SIGSTOP: connections stay, answers do not come. */
  freeze(): void
  thaw(): void
  /** SIGKILL: what it held is gone. */
  kill(): Promise<void>
  /** Starts it again, empty, on the same port. */
  restart(): Promise<void>
}

/** Starts one on a free port. `options`: arguments such as `--requirepass`. */
export async function startRedis(options: readonly string[] = []): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-redis-'))
  const port = await freePort()
  let server = await spawnRedis(port, folder, options)
  const password = options[options.indexOf('--requirepass') + 1]
  const client = new Redis({
    port,
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
    ...(options.includes('--requirepass') && password !== undefined ? { password } : {}),
  })
  client.on('error', () => {})
  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const gone = once(server, 'exit')
    server.kill('SIGKILL')
    await gone
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}/0`,
    client,
    freeze: () => void server.kill('SIGSTOP'),
    thaw: () => void server.kill('SIGCONT'),
    kill,
    async restart() {
      await kill()
      server = await spawnRedis(port, folder, options)
    },
    async [Symbol.asyncDispose]() {
      client.disconnect()
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function spawnRedis(port: number, folder: string, options: readonly string[]): Promise<ChildProcess> {
  const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  const server = spawn('redis-server', [...fixed, ...options], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  const ready = new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.once('exit', (code) => reject(new Error(`redis-server ended with ${code}: ${output}`)))
    server.stdout!.on('data', (chunk) => {
      output += chunk
      if (output.includes('Ready to accept connections')) resolve()
    })
  })
  await ready
  return server
}

export interface SlowWay extends AsyncDisposable {
  readonly url: string
  /** Milliseconds that every byte takes on its way to the server. */
  latencyMs: number
}

/** A TCP proxy in front of it. */
export async function slowWayTo(port: number): Promise<SlowWay> {
  const sockets = new Set<Socket>()
  const way = { latencyMs: 0 }
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (chunk) => {
      if (way.latencyMs === 0) far.write(chunk)
      else setTimeout(() => far.write(chunk), way.latencyMs)
    })
    far.on('data', (chunk) => near.write(chunk))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return Object.assign(way, {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}/0`,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  })
}
