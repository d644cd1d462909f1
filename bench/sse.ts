/**
 * `node bench/sse.ts`: what a gateway adds to an event on its way. One origin writes 100 small events a second, one client stamps
 * their arrival; directly and through each peer, in turns. Exits 1 when Sluice adds more than the budget at the median.
 */
import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { cleanUpOnSignal, runFirst, temporaryFolder } from './child.ts'
import { leaveGatewayCore } from './cores.ts'
import { wholeNumber } from './options.ts'
import { loadPeer, type RunningPeer, startPeer } from './peer.ts'

const budgetMs = 0.5
const everyMs = 10

async function main(options: { events: number; rounds: number; peers: readonly string[] }): Promise<boolean> {
  cleanUpOnSignal()
  leaveGatewayCore()
  await using folder = await temporaryFolder()
  await using stack = new AsyncDisposableStack()
  const origin = createServer((_request, response) => sendEvents(response, options.events)).listen(0, '127.0.0.1')
  stack.defer(() => void origin.close())
  await once(origin, 'listening')
  const originPort = (origin.address() as AddressInfo).port
  const running: RunningPeer[] = []
  for (const name of options.peers) {
    const peer = await startPeer(await loadPeer(name), { folder: folder.path, work: 'proxy', originPort })
    if (peer !== undefined) running.push(stack.use(peer))
  }

  const ports = new Map([['direct', originPort], ...running.map(({ name, port }) => [name, port] as const)])
  const delays = new Map<string, number[]>()
  for (let round = 0; round < options.rounds; round++)
    for (const [name, port] of ports) delays.set(name, [...(delays.get(name) ?? []), ...(await receive(port))])
  return report(delays)
}

/** Each event carries the time it was written, on the clock that its reader uses too. */
function sendEvents(response: import('node:http').ServerResponse, events: number): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  let sent = 0
  const timer = setInterval(() => {
    response.write(`data: ${performance.now()}\n\n`)
    if (++sent < events) return
    clearInterval(timer)
    response.end()
  }, everyMs)
  response.on('close', () => clearInterval(timer))
}

async function receive(port: number): Promise<number[]> {
  const request = get({ port, host: '127.0.0.1', path: '/events', agent: false })
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  const delays: number[] = []
  answer.setEncoding('utf8')
  for await (const text of answer) {
    const now = performance.now()
    for (const [, at] of (text as string).matchAll(/data: ([\d.]+)/g)) delays.push(now - Number(at))
  }
  // The first ones still open connections and warm code.
  return delays.slice(10)
}

function report(delays: ReadonlyMap<string, readonly number[]>): boolean {
  const [direct] = quantiles(delays.get('direct')!)
  const lines = ['| way | p50 ms | p99 ms | added at p50 ms |', '|---|--:|--:|--:|']
  for (const [name, all] of delays) {
    const [p50, p99] = quantiles(all)
    lines.push(
      `| ${name} | ${p50.toFixed(3)} | ${p99.toFixed(3)} | ${name === 'direct' ? '–' : (p50 - direct).toFixed(3)} |`,
    )
  }
  const added = quantiles(delays.get('sluice') ?? [Number.POSITIVE_INFINITY])[0] - direct
  const met = added <= budgetMs
  lines.push('', `Budget: Sluice adds ≤ ${budgetMs} ms: **${met ? 'met' : 'missed'}** (${added.toFixed(3)})`)
  process.stdout.write(`${lines.join('\n')}\n`)
  return met
}

function quantiles(values: readonly number[]): readonly [number, number] {
  const sorted = values.toSorted((a, b) => a - b)
  return [sorted[Math.floor(sorted.length / 2)]!, sorted[Math.floor(sorted.length * 0.99)]!]
}

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '3' },
    peers: { type: 'string', default: 'sluice,nginx,haproxy,caddy' },
    realtime: { type: 'boolean', default: false },
  },
})
if (values.realtime) runFirst()
const options = { events: wholeNumber('--events', values.events), rounds: wholeNumber('--rounds', values.rounds) }
process.exitCode = (await main({ ...options, peers: values.peers.split(',') })) ? 0 : 1
