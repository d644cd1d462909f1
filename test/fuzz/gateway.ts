/** Throws damaged requests at a whole gateway: `node --expose-gc test/fuzz/gateway.ts 100000 [seed]`. What must hold whatever is sent is in `judge` and `attack`. */
import { connect } from 'node:net'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { damaged, type Random, randomOf } from './damage.ts'
import { type SeenRequest, strictOrigin } from './strict-origin.ts'

export interface FuzzResult {
  readonly sent: number
  /** By status of the answers. */
  readonly statuses: Readonly<Record<string, number>>
  /** What did not hold, with the bytes that show it. */
  readonly broken: readonly string[]
}

const CONCURRENCY = 16
/** Nothing more is coming: the answers are here, or the gateway waits for the rest of a request. */
const SILENCE_MS = 25

const key = '2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683'
const config = (port: number) => `
limits: { headTimeout: 1s, bodyIdle: 1s }
consumers: { shop: { keys: ["sha256:${key}"] } }
plugins: [metrics]
routes:
  admin: { match: /admin/*, upstream: "http://127.0.0.1:${port}", plugins: [api-key] }
  kept: { match: /kept/*, upstream: "http://127.0.0.1:${port}", public: test, plugins: [{ cache: { ttl: 1m } }] }
  open: { match: /*, upstream: "http://127.0.0.1:${port}", public: test }
`

/** `silenceMs`: how long a client waits for more; on a busy machine an answer may take longer than the default. */
export async function fuzzGateway(count: number, seed: number, silenceMs = SILENCE_MS): Promise<FuzzResult> {
  const broken: string[] = []
  const statuses: Record<string, number> = {}
  const onFatal = (error: unknown) => broken.push(`the process would have ended: ${(error as Error).stack}`)
  process.on('uncaughtException', onFatal)
  process.on('unhandledRejection', onFatal)
  await using origin = await strictOrigin(judge)
  await using gateway = await startGateway(config(origin.port))
  const random = randomOf(seed)
  let lines = 0
  let next = 0
  const worker = async () => {
    while (next < count) {
      const id = next++
      const bytes = damaged(random, `m${id}m`)
      lines += bytes.split(/ HTTP\/1\.[01](?=\r\n)/).length - 1
      const answer = await attack({ port: gateway.port, silenceMs }, bytes, random)
      for (const [, status] of answer.matchAll(/^HTTP\/1\.1 ([0-9]{3}) /gm))
        statuses[status!] = (statuses[status!] ?? 0) + 1
      const mixed = [...answer.matchAll(/\bm([0-9]+)m\b/g)].find(([, other]) => Number(other) !== id)
      if (mixed !== undefined) broken.push(`the answer of another: ${JSON.stringify({ bytes, answer })}`)
      if (/127\.0\.0\.1:[0-9]|node:internal|\n +at /.test(answer))
        broken.push(`words from inside: ${JSON.stringify({ bytes, answer })}`)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  broken.push(...origin.complaints.map((complaint) => `the origin was sent ${complaint}`))
  if (origin.requests > lines) broken.push(`${origin.requests} requests came out of ${lines} that went in`)
  broken.push(...(await leftovers(gateway)))
  process.off('uncaughtException', onFatal)
  process.off('unhandledRejection', onFatal)
  return { sent: count, statuses, broken }
}

/** What no request may be when it reaches the origin. */
function judge({ target, headers }: SeenRequest): string | undefined {
  const values = (name: string) =>
    headers.filter(([one]) => one.replaceAll('_', '-') === name).map(([, value]) => value)
  const consumers = values('x-consumer')
  if (/^\/admin(?:[/?]|$)/.test(target) && consumers.join() !== 'shop') return 'a guarded request of nobody'
  if (consumers.some((name) => name !== 'shop')) return 'a forged identity'
  if (values('x-forwarded-for').join() !== '127.0.0.1') return 'a forged address'
  if (values('x-request-id').length !== 1 || values('via').length !== 1) return 'no id, or no via'
  if (/\/\.{1,2}(?:[/?]|$)|%2e|\/\/|\\|%5c|%2f|%00/i.test(target.split('?')[0]!)) return 'a path with two readings'
  return undefined
}

/** Sends the bytes in one or two pieces; resolves with all that came back. */
function attack(
  { port, silenceMs }: { port: number; silenceMs: number },
  bytes: string,
  random: Random,
): Promise<string> {
  const cut = random() < 0.5 ? bytes.length : Math.floor(random() * bytes.length)
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1')
    const silence = setTimeout(() => socket.destroy(), silenceMs)
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      silence.refresh()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      clearTimeout(silence)
      resolve(answer)
    })
    socket.write(bytes.slice(0, cut), 'latin1')
    if (cut < bytes.length) setImmediate(() => socket.writable && socket.write(bytes.slice(cut), 'latin1'))
  })
}

/** Exchanges and connections that nobody ended. */
async function leftovers(gateway: TestGateway): Promise<string[]> {
  const open = /sluice_inflight_requests [1-9].*|sluice_upstream_connections\{[^}]*"(?:active|connecting)"\} [1-9].*/g
  for (let tries = 0; tries < 60; tries++) {
    const found = (await gateway.metrics()).match(open)
    if (found === null) return []
    if (tries === 59) return found.map((line) => `left over: ${line}`)
    await new Promise((go) => setTimeout(go, 50))
  }
  return []
}

/** Bytes, however many connections: most of it is there after the first thousand. */
const MOST_GROWN = 16 * 1024 * 1024

if (import.meta.main) {
  const count = Number(process.argv[2] ?? 20_000)
  const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31)
  const before = heapUsed()
  console.log(`${count} connections, seed ${seed}`)
  const { statuses, broken } = await fuzzGateway(count, seed)
  const grown = heapUsed() - before
  console.log(statuses, `heap ${Math.round(grown / 1024)} KiB more`)
  const flaws = grown > MOST_GROWN ? ['memory grew more than it may', ...broken] : broken
  for (const one of flaws.slice(0, 20)) console.error(one)
  process.exit(flaws.length === 0 ? 0 : 1)
}

function heapUsed(): number {
  if (globalThis.gc === undefined) throw new Error('run node with --expose-gc')
  globalThis.gc()
  return process.memoryUsage().heapUsed
}
