/**
 * `node bench/workers.ts`: one thread against two, and against two processes, on the two cores of a machine, where the loader and
 * the origin have to run, too. First at a pace that leaves half of the machine free, which tells what a request costs; then as fast as
 * they can. CPU time per request, throughput, and memory. Exits 1 when a request failed.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Child, cleanUpOnSignal, temporaryFolder } from './child.ts'
import { loaderCore } from './cores.ts'
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
/** Between two requests of a connection: about half of what one thread can do. */
const paths = { '/answer': { pauseMs: 3 }, '/proxy': { pauseMs: 6 } } as const
type Path = keyof typeof paths

interface Kind {
  readonly name: string
  readonly processes: number
  readonly threads: number
  readonly cores?: string
  /** Part of the load that it is given. */
  readonly part?: number
}

const kinds: readonly Kind[] = [
  { name: '1 thread', processes: 1, threads: 1 },
  { name: '2 threads', processes: 1, threads: 2 },
  // They share nothing: what they cost more than one, the machine costs.
  { name: '2 processes', processes: 2, threads: 1 },
  // A loop that wakes for fewer requests at a time spends more on each.
  { name: '1 thread, half of the load', processes: 1, threads: 1, part: 0.5 },
  // As every second thread has to here.
  { name: '1 thread, beside wrk and the origin', processes: 1, threads: 1, cores: String(loaderCore) },
]

interface Gateway extends AsyncDisposable {
  readonly kind: Kind
  readonly pids: readonly number[]
  readonly ports: readonly number[]
  readonly folder: string
  /** Bytes, before the first request. */
  readonly idle: number
}

interface Round {
  readonly requestsPerSecond: number
  readonly cpuUs: number
  readonly rss: number
  readonly failed: number
}

async function main(rounds: number, seconds: number): Promise<boolean> {
  cleanUpOnSignal()
  await using folder = await temporaryFolder()
  await using origin = await startOrigin(folder.path)
  await using gateways = new AsyncDisposableStack()
  const peers: Gateway[] = []
  for (const kind of kinds) peers.push(gateways.use(await start(kind, folder.path, origin.port)))
  let failed = 0
  for (const path of Object.keys(paths) as Path[]) {
    process.stdout.write(
      `\n${path}\n\n| gateway | paced: requests/s | CPU µs/request | as fast as it can: requests/s | CPU µs/request | RSS MiB | before the first request |\n|---|--:|--:|--:|--:|--:|--:|\n`,
    )
    const found = new Map<Gateway, { paced: Round[]; free: Round[] }>(
      peers.map((peer) => [peer, { paced: [], free: [] }]),
    )
    for (const peer of peers) await measure(peer, { path, seconds: WARM_UP_SECONDS })
    for (let round = 0; round < rounds; round++) {
      for (const peer of peers) found.get(peer)!.paced.push(await measure(peer, { path, seconds, ...paths[path] }))
      for (const peer of peers) found.get(peer)!.free.push(await measure(peer, { path, seconds }))
    }
    for (const [{ kind, idle }, { paced, free }] of found) {
      const of = (list: readonly Round[], read: (round: Round) => number) => median(list.map(read))
      const figures = [paced, free].flatMap((list) => [
        of(list, (one) => one.requestsPerSecond).toFixed(0),
        of(list, (one) => one.cpuUs).toFixed(1),
      ])
      const memory = [mebibytes(of(free, (one) => one.rss)), mebibytes(idle)]
      process.stdout.write(`| ${[kind.name, ...figures, ...memory].join(' | ')} |\n`)
      failed += [...paced, ...free].reduce((sum, one) => sum + one.failed, 0)
    }
  }
  process.stdout.write(`\n${failed} requests failed\n`)
  return failed === 0
}

async function start(kind: Kind, parent: string, originPort: number): Promise<Gateway> {
  const folder = join(parent, kind.name.replaceAll(/\W+/g, '-'))
  const parts = new AsyncDisposableStack()
  const [pids, ports]: [number[], number[]] = [[], []]
  for (let number = 0; number < kind.processes; number++) {
    const [port, adminPort] = [await freePort(), await freePort()]
    const place = join(folder, String(number))
    await mkdir(place, { recursive: true })
    const file = join(place, 'gateway.yaml')
    await writeFile(
      file,
      `listen: http://127.0.0.1:${port}
admin: http://127.0.0.1:${adminPort}
threads: ${kind.threads}
shutdown: { delay: 0s, deadline: 1s }
routes:
  answer: { match: /answer, respond: { status: 200 }, public: benchmark }
  proxy: { match: /proxy, upstream: "http://127.0.0.1:${originPort}", rewrite: /small, public: benchmark }
`,
    )
    const child = parts.use(
      new Child(kind.cores ?? bothCores, process.execPath, [entry, 'run', '--config', file], place),
    )
    await untilReady(child, `http://127.0.0.1:${adminPort}/readyz`)
    pids.push(child.pid)
    ports.push(port)
  }
  await sleep(CALM_MS)
  return { kind, pids, ports, folder, idle: readRss(pids), [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

interface Load {
  readonly path: Path
  readonly seconds: number
  readonly pauseMs?: number
}

async function measure({ kind, pids, ports, folder }: Gateway, { path, ...load }: Load): Promise<Round> {
  const connections = (CONNECTIONS * (kind.part ?? 1)) / ports.length
  const before = readCpu(pids)
  const loads = await Promise.all(
    ports.map((port, number) => {
      return runLoad(join(folder, String(number)), { url: `http://127.0.0.1:${port}${path}`, connections, ...load })
    }),
  )
  const spent = cpuBetween(before, readCpu(pids))
  const sum = (read: (one: (typeof loads)[number]) => number) => loads.reduce((total, one) => total + read(one), 0)
  return {
    requestsPerSecond: sum((one) => one.requests / one.seconds),
    cpuUs: spent / 1000 / sum((one) => one.requests),
    rss: readRss(pids),
    failed: sum((one) => one.statusErrors + one.socketErrors),
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
