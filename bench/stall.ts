/**
 * `node bench/stall.ts`: how long a reload of a large file holds requests up. Per shape of the file: the longest turn of an event
 * loop that serves, and the slowest request of a client that asks 200 times a second; beside it the same client while somebody
 * else checks the file. `--asked N`: only so many routes were asked for before. Exits 1 when a turn takes longer than 20 ms of CPU.
 */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { NICE } from '../src/loading/priority.ts'
import { GENTLE_FLAGS } from '../src/loading/readers.ts'
import { cleanUpOnSignal, runFirst, temporaryFolder } from './child.ts'
import { gatewayCore, leaveGatewayCore } from './cores.ts'
import { readRss } from './cpu.ts'
import { wholeNumber } from './options.ts'
import { type Job, type RunningPeer, startPeer } from './peer.ts'
import { entryFile, sluiceHead, sluicePeer } from './peers/sluice.ts'
import { type Shape, shapes } from './stall-configs.ts'
import { type Stall, stallFile } from './stall-probe.ts'
import { type Seen, startSteadyLoad } from './steady.ts'
import { type Report, SteadyThread } from './steady-thread.ts'

const mostStallMs = 20
const everyMs = 5
/** What a reload leaves behind is let go of in this time. */
const afterwardsMs = 2000

interface Options {
  readonly routes: number
  readonly reloads: number
  /** How many routes have been asked for before. */
  readonly asked: number
  readonly threads: readonly number[]
  /** Of the gateway: with the process that reads the file, one core or all. */
  readonly cores: number | string
}

interface Row {
  readonly shape: string
  readonly threads: number
  /** Of a reload, median. */
  readonly tookMs: number
  readonly turnCpuMs: number
  readonly turnWallMs: number
  readonly seen: Report
  /** While the file was checked as often, at the reader's niceness, by somebody who has nothing to do with the gateway. */
  readonly beside: Report
  readonly quietSlowestMs: number
  readonly rssMiB: readonly [before: number, after: number]
}

async function main({ threads, ...options }: Options): Promise<boolean> {
  cleanUpOnSignal()
  leaveGatewayCore()
  const rows: Row[] = []
  for (const count of threads) {
    for (const shape of shapes) rows.push(await measure(shape, { ...options, threads: count }))
  }
  return report(rows)
}

async function measure(
  shape: Shape,
  { routes, asked, reloads, threads, cores }: Omit<Options, 'threads'> & { threads: number },
): Promise<Row> {
  await using folder = await temporaryFolder()
  await using load = await SteadyThread.start()
  const { originPort } = load
  const headOf = (job: Omit<Job, 'work'>) => sluiceHead(job).replace(/^threads: .*$/m, `threads: ${threads}`)
  const textOf = (job: Omit<Job, 'work'>, revision: number) =>
    shape.text({ head: headOf(job), originPort }, routes, revision)
  const plain = sluicePeer('sluice', ['--import', new URL('./stall-probe.ts', import.meta.url).pathname])
  const peer = { ...plain, setup: (job: Job) => ({ ...plain.setup(job)!, files: { 'gateway.yaml': textOf(job, 0) } }) }
  await using gateway = (await startPeer(peer, { folder: folder.path, work: 'proxy', originPort }, cores))!
  const job = { ...gateway, originPort }
  if (process.env['SLUICE_STALLS'] === 'realtime') letGo(gateway.pids().slice(1))

  const warming = startSteadyLoad(
    gateway.port,
    Array.from({ length: asked }, (_, i) => shape.path(i)),
    0.5,
  )
  await sleep(asked * 0.5 + 500)
  warming.stop()
  load.load({
    port: gateway.port,
    paths: Array.from({ length: 16 }, (_, i) => shape.path(i)),
    everyMs,
  })
  // Not while requests are timed: the origin is of this thread.
  const texts = Array.from({ length: reloads + 1 }, (_, i) => Buffer.from(textOf(job, i + 1)))
  // The first reload finds code that was never run.
  await reload(gateway, texts[0]!)
  await sleep(afterwardsMs)
  await load.seen()
  await sleep(afterwardsMs)
  const quiet = await load.seen()
  const rssBefore = readRss(gateway.pids())
  const from = Date.now()
  const took: number[] = []
  for (const text of texts.slice(1)) {
    took.push(await reload(gateway, text))
    await sleep(afterwardsMs)
  }
  const seen = await load.seen()
  const until = Date.now()
  const rssAfter = readRss(gateway.pids())
  for (let turn = 0; turn < reloads; turn++) {
    await checkBeside(join(gateway.folder, 'gateway.yaml'), cores)
    await sleep(afterwardsMs)
  }
  const beside = await load.seen()
  const stalls = stallsOf(gateway, threads).filter(({ at }) => at >= from && at <= until)
  return {
    shape: shape.name,
    threads,
    tookMs: took.toSorted((a, b) => a - b)[took.length >> 1]!,
    turnCpuMs: Math.max(0, ...stalls.map(({ cpuMs }) => cpuMs)),
    turnWallMs: Math.max(0, ...stalls.map(({ wallMs }) => wallMs)),
    seen,
    beside,
    quietSlowestMs: quiet.slowestMs,
    rssMiB: [rssBefore / 2 ** 20, rssAfter / 2 ** 20],
  }
}

/** What starts those that read the file has, and gives them, no more than anybody on the machine. */
function letGo(pids: readonly number[]): void {
  for (const pid of pids) execFileSync('chrt', ['--other', '--all-tasks', '--pid', '0', String(pid)])
}

/** Of the threads that serve. */
function stallsOf({ folder }: RunningPeer, threads: number): Stall[] {
  const file = join(folder, stallFile)
  if (!existsSync(file)) return []
  const all = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): Stall => JSON.parse(line))
  return all.filter(({ thread }) => (threads === 1 ? thread === 'main' : thread === 'sluice-worker'))
}

/** What reading the file costs whoever serves on the same processors, be it by his order or not. */
async function checkBeside(file: string, cores: number | string): Promise<void> {
  const check = [process.execPath, ...GENTLE_FLAGS, entryFile(), 'check']
  const command = ['taskset', '-c', String(cores), 'nice', '-n', String(NICE), ...check]
  await promisify(execFile)('chrt', ['--other', '0', ...command, '--config', file])
}

async function reload(gateway: RunningPeer, text: Buffer): Promise<number> {
  const file = join(gateway.folder, 'gateway.yaml')
  await writeFile(`${file}.new`, text)
  await rename(`${file}.new`, file)
  const startedAt = performance.now()
  const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/reload`, {
    method: 'POST',
    signal: AbortSignal.timeout(60_000),
  })
  const said = await answer.text()
  if (answer.status !== 200) throw new Error(`A reload answered ${answer.status}: ${said.slice(0, 300)}`)
  return performance.now() - startedAt
}

const slow = ({ over, held, requests, slowestMs }: Seen) => `${over} of ${requests} | ${held} | ${slowestMs.toFixed(1)}`

function report(rows: readonly Row[]): boolean {
  const lines = rows.map(
    (row) =>
      `| ${row.shape} | ${row.threads} | ${row.tookMs.toFixed(0)} | ${row.turnCpuMs.toFixed(1)} | ${row.turnWallMs.toFixed(1)} ` +
      `| ${slow(row.seen)} | ${slow(row.beside)} | ${row.quietSlowestMs.toFixed(1)} | ${row.seen.failed} | ${row.rssMiB.map((one) => one.toFixed(0)).join(' → ')} |`,
  )
  process.stdout.write(
    `${[
      '| file | threads | reload ms | longest turn, CPU ms | wall ms | requests over 20 ms | held | slowest ms | beside a check | held | slowest ms | alone ms | failed | RSS MiB |',
      '|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
      ...lines,
    ].join('\n')}\n`,
  )
  return rows.every(({ turnCpuMs, seen }) => turnCpuMs <= mostStallMs && seen.failed === 0)
}

try {
  const { values } = parseArgs({
    options: {
      routes: { type: 'string', default: '10000' },
      asked: { type: 'string' },
      reloads: { type: 'string', default: '5' },
      threads: { type: 'string', default: '1,2' },
      realtime: { type: 'boolean', default: false },
      spread: { type: 'boolean', default: false },
    },
  })
  process.env['SLUICE_STALLS'] = values.realtime ? 'realtime' : 'yes'
  if (values.realtime) {
    runFirst()
    execFileSync('chrt', ['--rr', '--all-tasks', '--pid', '10', String(process.pid)])
  }
  const held = await main({
    routes: wholeNumber('--routes', values.routes),
    asked: wholeNumber('--asked', values.asked ?? values.routes),
    reloads: wholeNumber('--reloads', values.reloads),
    cores: values.spread ? `0-${availableParallelism() - 1}` : gatewayCore,
    threads: values.threads.split(',').map((one) => wholeNumber('--threads', one)),
  })
  process.exitCode = held ? 0 : 1
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
