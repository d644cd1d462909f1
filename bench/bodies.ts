/**
 * `node bench/bodies.ts`: 1 GiB down and 1 GiB up through the gateway with a slow peer at the far end. The bytes must
 * arrive as they were sent and the gateway must not collect them: its memory stays below 150 MiB. Exits 1 otherwise.
 */
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { cleanUpOnSignal, temporaryFolder } from './child.ts'
import { leaveGatewayCore } from './cores.ts'
import { readRss } from './cpu.ts'
import { type Digest, readSlowly, sendAll } from './digest.ts'
import { wholeNumber } from './options.ts'
import { loadPeer, type RunningPeer, startPeer } from './peer.ts'

const rssLimit = 150 * 1_048_576
const sampleEveryMs = 50
const overtimeMs = 60_000

interface Plan {
  readonly peer: string
  readonly bytes: number
  readonly bytesPerSecond: number
  /** Without a length the body travels in chunks. */
  readonly chunked: boolean
}

async function main(plan: Plan): Promise<boolean> {
  cleanUpOnSignal()
  leaveGatewayCore()
  await using folder = await temporaryFolder()
  await using origin = await startSlowOrigin(plan)
  const place = { folder: folder.path, work: 'proxy', originPort: origin.port } as const
  const peer = await loadPeer(plan.peer)
  await using gateway = (await startPeer(peer, place))!

  process.stdout.write(
    '| transfer | MiB | s | RSS before | RSS peak | bytes | verdict |\n|---|--:|--:|--:|--:|---|---|\n',
  )
  const down = await watched('download', gateway, () => download(gateway, plan, origin))
  const up = await watched('upload', gateway, () => upload(gateway, plan, origin))
  return down && up
}

/** Runs one transfer, watching the gateway's memory, and prints its row. */
async function watched(
  name: string,
  gateway: RunningPeer,
  transfer: () => Promise<{ sent: Digest; received: Digest }>,
): Promise<boolean> {
  const before = readRss(gateway.pids())
  let peak = before
  const timer = setInterval(() => {
    peak = Math.max(peak, readRss(gateway.pids()))
  }, sampleEveryMs)
  const started = performance.now()
  try {
    const { sent, received } = await transfer()
    const identical = sent.sha256 === received.sha256 && sent.bytes === received.bytes
    const held = identical && peak < rssLimit
    const cells = [
      name,
      inMebibytes(received.bytes),
      ((performance.now() - started) / 1000).toFixed(1),
      inMebibytes(before),
      inMebibytes(peak),
      identical ? 'identical' : `DIFFERENT: ${sent.bytes} sent, ${received.bytes} received`,
      held ? 'ok' : 'NOT OK',
    ]
    process.stdout.write(`| ${cells.join(' | ')} |\n`)
    return held
  } finally {
    clearInterval(timer)
  }
}

interface SlowOrigin extends AsyncDisposable {
  readonly port: number
  /** Resolves to what the origin sends as its next answer, or receives as the next request. */
  next(): Promise<Digest>
}

async function startSlowOrigin(plan: Plan): Promise<SlowOrigin> {
  let transfer = Promise.withResolvers<Digest>()
  const server = createServer(async (incoming, response) => {
    try {
      if (incoming.method === 'POST') {
        transfer.resolve(await readSlowly(incoming, plan.bytesPerSecond))
        response.end()
        return
      }
      response.writeHead(200, framing(plan))
      transfer.resolve(await sendAll(response, plan.bytes))
    } catch (error) {
      transfer.reject(error)
      response.destroy()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    next: () => {
      transfer = Promise.withResolvers()
      return transfer.promise
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function download(gateway: RunningPeer, plan: Plan, origin: SlowOrigin) {
  const outgoing = request({ port: gateway.port, path: '/download', agent: false, signal: deadline(plan) })
  outgoing.end()
  const arriving = responseTo(outgoing).then((response) => readSlowly(response, plan.bytesPerSecond))
  const [sent, received] = await Promise.all([origin.next(), arriving])
  return { sent, received }
}

async function upload(gateway: RunningPeer, plan: Plan, origin: SlowOrigin) {
  const outgoing = request({
    port: gateway.port,
    path: '/upload',
    method: 'POST',
    headers: framing(plan),
    agent: false,
    signal: deadline(plan),
  })
  const answered = responseTo(outgoing).then((response) => response.resume())
  const [received, sent] = await Promise.all([origin.next(), sendAll(outgoing, plan.bytes), answered])
  return { sent, received }
}

function responseTo(outgoing: ReturnType<typeof request>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('error', reject)
    outgoing.once('response', (response) => {
      if (response.statusCode === 200) resolve(response)
      else reject(new Error(`The gateway answered ${response.statusCode}.`))
    })
  })
}

function framing(plan: Plan): Record<string, string> {
  return plan.chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(plan.bytes) }
}

function deadline(plan: Plan): AbortSignal {
  return AbortSignal.timeout((plan.bytes / plan.bytesPerSecond) * 1000 + overtimeMs)
}

function inMebibytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1)
}

try {
  const { values } = parseArgs({
    options: {
      peer: { type: 'string', default: 'sluice' },
      mebibytes: { type: 'string', default: '1024' },
      seconds: { type: 'string', default: '20' },
      chunked: { type: 'boolean', default: false },
    },
  })
  const bytes = wholeNumber('--mebibytes', values.mebibytes) * 1_048_576
  const bytesPerSecond = bytes / wholeNumber('--seconds', values.seconds)
  const held = await main({ peer: values.peer, bytes, bytesPerSecond, chunked: values.chunked })
  process.exitCode = held ? 0 : 1
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
