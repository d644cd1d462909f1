/** One case: every peer started, probed and warmed up, then rounds in turn, so that a disturbance hits all peers alike. */
import type { Case } from './cases.ts'
import { cpuBetween, readCpu, readRss } from './cpu.ts'
import { type LoadRequest, runLoad } from './load.ts'
import type { Options } from './options.ts'
import type { Origin } from './origin.ts'
import { loadPeer, type RunningPeer, startPeer } from './peer.ts'
import { probe } from './probe.ts'

export interface Round {
  /** µs per request or ms per gigabyte, as the case says. */
  readonly cpu: number
  readonly requestsPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly rssBytes: number
  readonly statusErrors: number
  readonly socketErrors: number
  /** Says why the round does not show what the case is about. */
  readonly invalid?: string
}

export interface PeerRounds {
  readonly peer: string
  readonly rounds: readonly Round[]
  /** Why there are no rounds. */
  readonly absent?: string
}

interface Bench {
  readonly folder: string
  readonly origin: Origin
  readonly options: Options
}

export async function measureCase(benchCase: Case, bench: Bench): Promise<PeerRounds[]> {
  await using started = new AsyncDisposableStack()
  const entries: { name: string; running?: RunningPeer; rounds: Round[]; absent?: string }[] = []
  for (const name of bench.options.peers) {
    const entry: (typeof entries)[number] = { name, rounds: [] }
    entries.push(entry)
    try {
      const running = await startPeer(await loadPeer(name), {
        folder: bench.folder,
        work: benchCase.work,
        originPort: bench.origin.port,
      })
      if (running === undefined) {
        entry.absent = 'has nothing that corresponds'
        continue
      }
      started.use(running)
      const url = loadOf(benchCase, running, bench.options, 0).url
      await probe(benchCase, url)
      await runLoad(running.folder, loadOf(benchCase, running, bench.options, bench.options.warmupSeconds))
      entry.running = running
    } catch (error) {
      entry.absent = inOneLine(error)
      bench.options.log(`${benchCase.name}: ${name} ${entry.absent}`)
    }
  }

  for (let round = 1; round <= bench.options.rounds; round++) {
    for (const { name, running, rounds } of entries) {
      if (running === undefined) continue
      const result = await measureRound(benchCase, running, bench)
      rounds.push(result)
      bench.options.log(`${benchCase.name} ${round}/${bench.options.rounds}: ${name} ${result.cpu.toFixed(2)}`)
    }
  }
  return entries.map(({ name, rounds, absent }) => ({
    peer: name,
    rounds,
    ...(absent === undefined ? {} : { absent }),
  }))
}

async function measureRound(benchCase: Case, running: RunningPeer, { origin, options }: Bench): Promise<Round> {
  const originBefore = await origin.requests()
  const cpuBefore = readCpu(running.pids())
  const load = await runLoad(running.folder, loadOf(benchCase, running, options, options.seconds))
  const nanoseconds = cpuBetween(cpuBefore, readCpu(running.pids()))
  const rssBytes = readRss(running.pids())
  const reachedOrigin = (await origin.requests()) - originBefore
  const invalid = whyInvalid(benchCase, load, reachedOrigin)
  return {
    cpu:
      benchCase.per === 'request'
        ? nanoseconds / 1e3 / load.requests
        : nanoseconds / 1e6 / (bodyBytes(benchCase, load) / 1e9),
    requestsPerSecond: load.requests / load.seconds,
    p50Us: load.p50Us,
    p99Us: load.p99Us,
    rssBytes,
    statusErrors: load.statusErrors,
    socketErrors: load.socketErrors,
    ...(invalid === undefined ? {} : { invalid }),
  }
}

function loadOf(benchCase: Case, running: RunningPeer, options: Options, seconds: number): LoadRequest {
  return {
    url: `http://127.0.0.1:${running.port}${benchCase.path}`,
    connections: benchCase.connections ?? options.connections,
    seconds,
    ...(benchCase.credentials === undefined ? {} : { headers: benchCase.credentials }),
    ...(benchCase.uploadBytes === undefined ? {} : { uploadBytes: benchCase.uploadBytes }),
  }
}

// Of a download, bytes count rather than answers: of 100 MiB ones several are under way when the round ends.
function bodyBytes(benchCase: Case, load: { requests: number; bytes: number }): number {
  return benchCase.uploadBytes === undefined ? load.bytes : load.requests * benchCase.uploadBytes
}

function whyInvalid(
  benchCase: Case,
  load: { requests: number; bytes: number; statusErrors: number; socketErrors: number },
  reachedOrigin: number,
): string | undefined {
  if (load.statusErrors + load.socketErrors > 0) return 'failed requests'
  if (load.requests === 0) return 'no request completed'
  if (load.bytes < load.requests * benchCase.answerBytes) return 'answers were cut short'
  const slack = load.requests / 100 + 20
  if (benchCase.reachesOrigin === 'always' && reachedOrigin < load.requests - slack) return 'answers without the origin'
  if (benchCase.reachesOrigin === 'never' && reachedOrigin > slack) return 'the origin was asked'
  return undefined
}

// A crash prints a page; the line that names the error is the one to show.
function inOneLine(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error)).split('\n')
  const telling = lines.find((line) => /error(?: \[\w+\])?:|\[(?:emerg|alert)\]/i.test(line)) ?? ''
  return (telling === lines[0] ? telling : `${lines[0]} ${telling}`).trim().slice(0, 300)
}
