import { createHash, hash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Decision } from '../../src/exchange/decision.ts'
import type { DryRun } from '../../src/generation/dry-run.ts'
import { randomOf } from '../fuzz/damage.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { exchange, openWire } from '../support/wire.ts'
import { type Scenario, scenarios } from './agreement-configs.ts'
import { type MadeRequest, makeRequest } from './agreement-requests.ts'
import { openRehearsal } from './open.ts'

const REQUESTS = 80

/** What is compared: all that either of them says of one request. */
interface Verdict {
  readonly route: string | null
  /** Of the gateway's own answer. */
  readonly status: number | null
  readonly code: string | null
  readonly consumer: string | null
  readonly upstream: string | null
  readonly decisions: readonly string[]
  /** As received; of the targets that might have been picked, the one that was. */
  readonly line: string | null
  readonly headers: readonly string[]
}

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex')

test.for(scenarios({ app: hashOf('app-key'), partner: hashOf('partner-key') }))(
  'explaining and serving agree on every request to $name',
  async (scenario) => {
    await using origin = await recordingOrigin()
    const named = /^name:/m.test(scenario.config) ? scenario.config : `name: edge\n${scenario.config}`
    const yaml = named.replaceAll('ORIGIN', origin.url)
    const random = randomOf(seedOf(scenario))
    const requests = Array.from({ length: REQUESTS }, () => makeRequest(scenario, random))
    await using gateway = await startGateway(yaml)
    await using rehearsal = await openRehearsal(yaml)

    const explained: DryRun[] = []
    const ids: string[] = []
    for (const request of requests) {
      const { method, target, headers } = request
      const [, host, ...rest] = headers
      explained.push(await rehearsal.run({ method, url: target, headers: ['host', host!, ...rest], ip: '127.0.0.1' }))
      ids.push(await send(gateway, request))
    }
    const log = await logged(gateway, REQUESTS)

    for (const [index, request] of requests.entries()) {
      const seen = servedAs(log.get(ids[index]!)!, origin.received.get(ids[index]!))
      expect({ request, ...explainedAs(explained[index]!, seen.line) }).toEqual({ request, ...seen })
    }
  },
)

/** Sends a request; resolves with its id when the answer is here. */
async function send({ port }: TestGateway, { method, target, headers, body }: MadeRequest): Promise<string> {
  let fields = ''
  for (let i = 0; i < headers.length; i += 2) fields += `${headers[i]}: ${headers[i + 1]}\r\n`
  const answer = await ask(port, method, `${method} ${target} HTTP/1.1\r\n${fields}\r\n${body}`)
  return /^x-request-id: (.*)$/im.exec(answer)![1]!.trim()
}

/** The final answer, whole: one to HEAD ends with its head, one to Expect may come after a 100. */
async function ask(port: number, method: string, bytes: string): Promise<string> {
  const expects = bytes.includes('\r\nexpect: 100')
  if (method !== 'HEAD' && !expects) return exchange(port, bytes)
  const wire = await openWire(port)
  wire.send(bytes)
  const answer = await wire.until(
    expects ? /x-request-id: [\s\S]*\r\n\r\n[\s\S]*(ok|\}\n)$|^HTTP\/1.1 101/ : /\r\n\r\n/,
  )
  wire.close()
  return answer
}

interface LogRecord {
  readonly id: string
  readonly route: string | null
  readonly status: number
  readonly code: string | null
  readonly source: string
  readonly consumer: { readonly id: string | null } | null
  readonly upstream: string | null
  readonly decisions: readonly Decision[]
}

/** The access log by request id, once it is whole. */
async function logged({ folder }: TestGateway, count: number): Promise<Map<string, LogRecord>> {
  for (;;) {
    const text = await readFile(join(folder, 'access.log'), 'utf8').catch(() => '')
    const lines = text.split('\n').filter((line) => line !== '')
    if (lines.length === count) return new Map(lines.map((line) => JSON.parse(line)).map((one) => [one.id, one]))
    await new Promise(setImmediate)
  }
}

function servedAs(record: LogRecord, received: Received | undefined): Verdict {
  const { route, code, consumer, upstream, source, status, decisions } = record
  return {
    route,
    status: source === 'upstream' ? null : status,
    code,
    consumer: consumer?.id ?? null,
    upstream,
    decisions: decisions.flatMap(wordsOf),
    line: received?.line ?? null,
    headers: received?.headers ?? [],
  }
}

function explainedAs(
  { exchange: { route, problem, consumer, upstreamName, decisions, reply }, forwarded }: DryRun,
  line: string | null,
): Verdict {
  const lines = forwarded?.map(({ head }) => `${head.method} ${head.target}`) ?? []
  const picked = Math.max(0, lines.indexOf(line ?? ''))
  return {
    route: route?.name ?? null,
    status: forwarded === null ? reply.statusCode : null,
    code: problem?.code ?? null,
    consumer: consumer?.id ?? null,
    upstream: forwarded === null ? null : upstreamName,
    decisions: decisions.flatMap(wordsOf),
    line: lines[picked] ?? null,
    headers: forwarded === null ? [] : comparable(forwarded[picked]!.head.headers),
  }
}

/** What differs for a good reason: stages that are told in dry runs alone, a token that was seen before, what an answer causes. */
function wordsOf({ plugin, verdict, reason, mode }: Decision): string[] {
  if (plugin === 'router' && verdict === 'pass') return []
  if (plugin === 'upstream' && reason !== 'split') return []
  if (plugin === 'cache' && reason === 'not-kept') return []
  return [`${plugin} ${verdict} ${reason === 'token-known' ? 'token-verified' : reason} ${mode}`]
}

interface Received {
  readonly line: string
  readonly headers: readonly string[]
}

/** New in each request, or of one connection: http1/ and http-proxy write these. */
const apart: ReadonlySet<string> = new Set([
  'x-request-id',
  'traceparent',
  'connection',
  'upgrade',
  'content-length',
  'transfer-encoding',
])

/** `name: value`, in an order that does not depend on who wrote them. */
function comparable(raw: readonly string[]): string[] {
  const lines: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    if (!apart.has(name)) lines.push(`${name}: ${raw[i + 1]}`)
  }
  return lines.sort()
}

/** Remembers by request id what it was sent; keeps nobody from asking again. */
async function recordingOrigin() {
  const received = new Map<string, Received>()
  const server = createServer()
  const record = ({ method, url, rawHeaders, headers }: IncomingMessage) =>
    void received.set(String(headers['x-request-id']), { line: `${method} ${url}`, headers: comparable(rawHeaders) })
  server.on('request', (request, response) => {
    record(request)
    request.resume()
    response.writeHead(200, { 'cache-control': 'no-store', 'content-length': 2 }).end('ok')
  })
  server.on('upgrade', (request, socket) => {
    record(request)
    // RFC 6455 §4.2.2.
    const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
    const accept = hash('sha1', `${request.headers['sec-websocket-key']}${guid}`, 'base64')
    const fields = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n`
    socket.end(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    received,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

function seedOf({ name }: Scenario): number {
  return createHash('sha256').update(name).digest().readUInt32BE()
}
