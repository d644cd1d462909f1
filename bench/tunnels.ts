/** `node bench/tunnels.ts [count]`: that many WebSockets behind a JWT, through a reload, then killed clients and a killed origin: who lives, and what leaks. */
import { fork } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { runSluice } from '../test/support/child.ts'

const SECRET = 'a-shared-secret-of-at-least-32-bytes'
const count = Number(process.argv[2] ?? 2000)

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const unsigned = `${part({ alg: 'HS256' })}.${part({ iss: 'bench', sub: 'me', exp: Math.floor(Date.now() / 1000) + 3600 })}`
const token = `${unsigned}.${createHmac('sha256', SECRET).update(unsigned).digest('base64url')}`
const request =
  `GET /ws HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n'
/** A masked text frame "hi", key 0 (RFC 6455 §5.7), and its echo. */
const frame = Buffer.from('\x81\x82\0\0\0\0hi', 'latin1')
const echo = Buffer.from('\x81\x02hi', 'latin1')

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  socket.write(request)
  await answer(socket, 'HTTP/1.1 101 ')
  return socket
}

async function answer(socket: Socket, start: string | Buffer): Promise<void> {
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  if (!chunk.subarray(0, start.length).equals(Buffer.from(start)))
    throw new Error(`unexpected: ${chunk.toString('latin1')}`)
}

async function alive(sockets: readonly Socket[]): Promise<number> {
  const results = await Promise.allSettled(
    sockets.map((socket) => {
      if (socket.destroyed) throw new Error('closed')
      socket.write(frame)
      return answer(socket, echo)
    }),
  )
  return results.filter(({ status }) => status === 'fulfilled').length
}

const openFiles = (pid: number) => readdirSync(`/proc/${pid}/fd`).length

/** Milliseconds until it holds; gives up after ten seconds. */
async function until(holds: () => boolean): Promise<number> {
  const began = performance.now()
  while (!holds() && performance.now() - began < 10_000) await new Promise((resolve) => setTimeout(resolve, 20))
  return Math.round(performance.now() - began)
}

let failed = false
function report(what: string, value: number | string, good: boolean): void {
  failed ||= !good
  process.stdout.write(`${good ? 'ok  ' : 'FAIL'} ${what}: ${value}\n`)
}

async function main(): Promise<void> {
  const origin = fork(fileURLToPath(new URL('./websocket-origin.ts', import.meta.url)))
  const [port] = (await once(origin, 'message')) as [number]
  const yaml = `
listen: http://127.0.0.1:0
admin: http://127.0.0.1:0
threads: 1
shutdown: { delay: 0ms, deadline: 1s }
routes:
  ws:
    match: /ws
    upstream: http://127.0.0.1:${port}
    plugins: [{ jwt: { issuer: bench, secret: ${SECRET} } }]
`
  await using sluice = await runSluice(yaml)
  await sluice.serving()
  const pid = sluice.process.pid!
  const gatewayPort = Number(new URL(sluice.url).port)
  const idle = openFiles(pid)

  const sockets = await Promise.all(Array.from({ length: count }, () => open(gatewayPort)))
  report('open', sockets.length, sockets.length === count)
  const more = '  more: { match: /more, respond: { status: 204 }, public: bench }\n'
  await writeFile(sluice.file, (await readFile(sluice.file, 'utf8')) + more)
  await until(() => sluice.output.stderr.includes('"generation":2'))
  // Past the deadline of the generation before.
  await new Promise((resolve) => setTimeout(resolve, 2000))
  const living = await alive(sockets)
  report('alive after a reload', living, living === count)
  report('open files, two each and what it had', openFiles(pid) - idle, openFiles(pid) >= idle + 2 * count)

  const killed = sockets.splice(0, count / 2)
  for (const socket of killed) socket.resetAndDestroy()
  const afterClients = await until(() => openFiles(pid) <= idle + 2 * sockets.length)
  report('ms until half of the clients, killed, held no file', afterClients, afterClients < 1000)
  const rest = await alive(sockets)
  report('alive of the other half', rest, rest === sockets.length)

  origin.kill('SIGKILL')
  const afterOrigin = await until(() => sockets.every(({ readableEnded, destroyed }) => readableEnded || destroyed))
  report('ms until all clients heard that the origin was killed', afterOrigin, afterOrigin < 1000)
  for (const socket of sockets) socket.destroy()
  await until(() => openFiles(pid) <= idle)
  report('open files more than before', openFiles(pid) - idle, openFiles(pid) <= idle)
}

await main()
process.exitCode = failed ? 1 : 0
