/**
 * `node bench/workers.ts`: one thread against two on the two cores of a machine, where the loader and the origin have to run, too.
 * Throughput, CPU time per request, and memory. Exits 1 when a request failed.
 */
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Child, cleanUpOnSignal, temporaryFolder } from './child.ts'
import { cpuBetween, readCpu, readRss } from './cpu.ts'
import { runLoad } from './load.ts'
import { wholeNumber } from './options.ts'
import { startOrigin } from './origin.ts'
import { freePort, untilReady } from './peer.ts'

const entry = resolve(import.meta.dirname, '../bin/sluice.js')
const bothCores = '0,1'
const CONNECTIONS = 64
const WARM_UP_SECONDS = 2
/** By then the thread that waits for a place has loaded. */
const CALM_MS = 4000

interface Gateway extends AsyncDisposable {
  readonly threads: number
  readonly pid: number
  readonly port: number
  /** Bytes, before the first request. */
  readonly idle: number
}

interface Round {
  readonly requestsPerSecond: number
  readonly cpuUs: number
  /** Cores that the gateway used. */
  readonly cores: number
  readonly rss: number
  readonly failed: number
}

async function main(rounds: number, seconds: number): Promise<boolean> {
  cleanUpOnSignal()
  await using folder = await temporaryFolder()
  await using origin = await startOrigin(folder.path)
  await using gateways = new AsyncDisposableStack()
  const peers: Gateway[] = []
  for (const threads of [1, 2]) peers.push(gateways.use(await start(threads, folder.path, origin.port)))
  process.stdout.write(
    '| route | threads | requests/s | CPU µs/request | cores used | RSS MiB | before the first request |\n|---|--:|--:|--:|--:|--:|--:|\n',
  )
  let failed = 0
  for (const path of ['/answer', '/proxy']) {
    const found = new Map<Gateway, Round[]>(peers.map((peer) => [peer, []]))
    for (const peer of peers) await measure(peer, { path, seconds: WARM_UP_SECONDS, folder: folder.path })
    for (let round = 0; round < rounds; round++) {
      for (const peer of peers) found.get(peer)!.push(await measure(peer, { path, seconds, folder: folder.path }))
    }
    for (const [{ threads, idle }, list] of found) {
      const of = (read: (round: Round) => number) => median(list.map(read))
      const figures = [
        of((one) => one.requestsPerSecond).toFixed(0),
        of((one) => one.cpuUs).toFixed(1),
        of((one) => one.cores).toFixed(2),
        mebibytes(of((one) => one.rss)),
        mebibytes(idle),
      ]
      process.stdout.write(`| ${path} | ${threads} | ${figures.join(' | ')} |\n`)
      failed += list.reduce((sum, one) => sum + one.failed, 0)
    }
  }
  process.stdout.write(`\n${failed} requests failed\n`)
  return failed === 0
}

async function start(threads: number, folder: string, originPort: number): Promise<Gateway> {
  const [port, adminPort] = [await freePort(), await freePort()]
  const file = join(folder, `threads-${threads}.yaml`)
  await writeFile(
    file,
    `listen: http://127.0.0.1:${port}
admin: http://127.0.0.1:${adminPort}
threads: ${threads}
shutdown: { delay: 0s, deadline: 1s }
routes:
  answer: { match: /answer, respond: { status: 200 }, public: benchmark }
  proxy: { match: /proxy, upstream: "http://127.0.0.1:${originPort}", rewrite: /small, public: benchmark }
`,
  )
  const child = new Child(bothCores, process.execPath, [entry, 'run', '--config', file], folder)
  await untilReady(child, `http://127.0.0.1:${adminPort}/readyz`)
  await sleep(CALM_MS)
  const idle = readRss([child.pid])
  return { threads, pid: child.pid, port, idle, [Symbol.asyncDispose]: () => child.stop() }
}

interface Load {
  readonly path: string
  readonly seconds: number
  readonly folder: string
}

async function measure({ pid, port }: Gateway, { path, seconds, folder }: Load): Promise<Round> {
  const before = readCpu([pid])
  const load = await runLoad(folder, { url: `http://127.0.0.1:${port}${path}`, connections: CONNECTIONS, seconds })
  const spent = cpuBetween(before, readCpu([pid]))
  return {
    requestsPerSecond: load.requests / load.seconds,
    cpuUs: spent / 1000 / load.requests,
    cores: spent / 1e9 / load.seconds,
    rss: readRss([pid]),
    failed: load.statusErrors + load.socketErrors,
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]!
}

function mebibytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(0)
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
  },
})
process.exitCode = (await main(wholeNumber('--rounds', values.rounds), wholeNumber('--seconds', values.seconds)))
  ? 0
  : 1
