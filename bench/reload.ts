/**
 * `node bench/reload.ts`: a thousand reloads under full load. No request may fail, every reload must serve at once what
 * the file says, and neither heap nor open files may grow with their number. Exits 1 when one of these does not hold.
 */
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { cleanUpOnSignal, temporaryFolder } from './child.ts'
import { leaveGatewayCore } from './cores.ts'
import { countOpenFiles, readRss } from './cpu.ts'
import { apiKey } from './credentials.ts'
import { collectGarbage } from './garbage.ts'
import { type LoadResult, startLoad } from './load.ts'
import { wholeNumber } from './options.ts'
import { startOrigin } from './origin.ts'
import { freePort, type Job, type Peer, type RunningPeer, startPeer } from './peer.ts'
import { sluiceHead, sluicePeer } from './peers/sluice.ts'

const loadSecondsAtMost = 1800
const checkpointShares = [0, 0.1, 0.3, 0.5, 1]
const heapGrowthAllowed = 1.25
// The pool may hold a few connections more; one file leaked per reload would be a thousand.
const openFilesAllowed = 32

interface Checkpoint {
  readonly reloads: number
  readonly heapBytes: number
  readonly rssBytes: number
  readonly openFiles: number
}

interface Outcome {
  readonly checkpoints: readonly Checkpoint[]
  readonly reloadMs: readonly number[]
  readonly load: LoadResult
}

async function main(reloads: number, connections: number): Promise<boolean> {
  cleanUpOnSignal()
  leaveGatewayCore()
  await using folder = await temporaryFolder()
  await using origin = await startOrigin(folder.path)
  const inspectorPort = await freePort()
  const place = { folder: folder.path, work: 'chain', originPort: origin.port } as const
  const peer = revisedPeer(sluicePeer('sluice', [`--inspect=127.0.0.1:${inspectorPort}`]))
  await using gateway = (await startPeer(peer, place))!

  await using load = await startLoad(gateway.folder, {
    url: `http://127.0.0.1:${gateway.port}/small`,
    connections,
    seconds: loadSecondsAtMost,
    headers: { 'x-api-key': apiKey },
  })
  await sleep(2000)
  const stops = new Set(checkpointShares.map((share) => Math.round(reloads * share)))
  const checkpoints = [await readCheckpoint(gateway, inspectorPort, 0)]
  const reloadMs: number[] = []
  for (let revision = 1; revision <= reloads; revision++) {
    await writeWhole(join(gateway.folder, 'gateway.yaml'), configOf({ ...place, ...gateway }, revision))
    reloadMs.push(await reload(gateway, revision))
    if (stops.has(revision)) checkpoints.push(await readCheckpoint(gateway, inspectorPort, revision))
  }
  load.stop()
  return report({ checkpoints, reloadMs, load: await load.result })
}

function revisedPeer(plain: Peer): Peer {
  return {
    ...plain,
    setup: (job) => ({ ...plain.setup(job)!, files: { 'gateway.yaml': configOf(job, 0) } }),
  }
}

// Two real changes each time: an option of a plugin in the loaded chain, and an answer that can be asked for.
function configOf(job: Omit<Job, 'work'>, revision: number): string {
  return `${sluiceHead(job)}
routes:
  bench:
    match: /*
    upstream: http://127.0.0.1:${job.originPort}
    plugins: [metrics, api-key, { rate-limit: { max: ${100_000_000 + revision}, window: 1m, by: consumer } }]
  revision:
    match: GET /revision
    respond: { status: 200, body: { revision: ${revision} } }
    public: "benchmark"
`
}

// A rename, as editors and deployments do it: the gateway never sees half a file.
async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}

async function reload(gateway: RunningPeer, revision: number): Promise<number> {
  const started = performance.now()
  const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/reload`, {
    method: 'POST',
    signal: AbortSignal.timeout(15_000),
  })
  const text = await answer.text()
  const took = performance.now() - started
  if (answer.status !== 200) throw new Error(`Reload ${revision} answered ${answer.status}: ${text.slice(0, 300)}`)

  const response = await fetch(`http://127.0.0.1:${gateway.port}/revision`, { signal: AbortSignal.timeout(15_000) })
  const served = (await response.json()) as { revision?: unknown }
  if (served.revision !== revision) {
    throw new Error(`Reload ${revision} answered 200, but revision ${served.revision} is served.`)
  }
  return took
}

async function readCheckpoint(gateway: RunningPeer, inspectorPort: number, reloads: number): Promise<Checkpoint> {
  const heaps: number[] = []
  // Requests in flight leave garbage between the collection and the reading: the lowest of three is nearest the truth.
  for (let attempt = 0; attempt < 3; attempt++) {
    await collectGarbage(inspectorPort)
    heaps.push(await heapInMetrics(gateway))
  }
  const reading = {
    reloads,
    heapBytes: Math.min(...heaps),
    rssBytes: readRss(gateway.pids()),
    openFiles: countOpenFiles(gateway.pid),
  }
  process.stderr.write(`${reloads} reloads: heap ${inMebibytes(reading.heapBytes)} MiB\n`)
  return reading
}

async function heapInMetrics(gateway: RunningPeer): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`, { signal: AbortSignal.timeout(15_000) })
  const samples = (await answer.text()).matchAll(/^(?:sluice_)?nodejs_heap_size_used_bytes(?:\{.*\})? (\S+)/gm)
  const bytes = [...samples].reduce((sum, [, value]) => sum + Number(value), 0)
  if (bytes === 0) throw new Error('/metrics has no nodejs_heap_size_used_bytes.')
  return bytes
}

function report({ checkpoints, reloadMs, load }: Outcome): boolean {
  const [start, early] = checkpoints
  const end = checkpoints.at(-1)!
  const failed = load.statusErrors + load.socketErrors
  const growth = end.heapBytes / early!.heapBytes
  const verdicts = [
    { text: `${failed} of ${load.requests} requests failed`, holds: failed === 0 && load.requests > 0 },
    {
      text: `heap after ${end.reloads} reloads is ${growth.toFixed(2)} × that after ${early!.reloads}`,
      holds: growth <= heapGrowthAllowed,
    },
    {
      text: `open files: ${start!.openFiles} at the start, ${end.openFiles} at the end`,
      holds: end.openFiles <= start!.openFiles + openFilesAllowed,
    },
  ]
  const sorted = reloadMs.toSorted((a, b) => a - b)
  const share = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!.toFixed(1)
  process.stdout.write(
    `${[
      '| reloads | heap MiB | RSS MiB | open files |',
      '|--:|--:|--:|--:|',
      ...checkpoints.map(
        (at) => `| ${at.reloads} | ${inMebibytes(at.heapBytes)} | ${inMebibytes(at.rssBytes)} | ${at.openFiles} |`,
      ),
      '',
      `A reload took ${share(0.5)} ms (median), ${share(0.99)} ms (p99), ${share(1)} ms (longest).`,
      `Load meanwhile: ${(load.requests / load.seconds).toFixed(0)} requests/s, p99 ${(load.p99Us / 1000).toFixed(1)} ms, ` +
        `longest ${(load.maxUs / 1000).toFixed(1)} ms.`,
      ...verdicts.map(({ text, holds }) => `- ${holds ? 'ok' : 'NOT OK'}: ${text}`),
    ].join('\n')}\n`,
  )
  return verdicts.every(({ holds }) => holds)
}

function inMebibytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1)
}

try {
  const { values } = parseArgs({
    options: {
      reloads: { type: 'string', default: '1000' },
      connections: { type: 'string', default: '64' },
    },
  })
  const held = await main(wholeNumber('--reloads', values.reloads), wholeNumber('--connections', values.connections))
  process.exitCode = held ? 0 : 1
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
