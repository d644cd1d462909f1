/**
 * Three origins in processes of their own, under load through a gateway: one is killed, one frozen, one made to fail half the time,
 * all are killed, and all come back. Prints what clients lost, as a Markdown table; exits 1 when a promise was not kept.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../peer.ts'
import { Load, percentile } from './load.ts'

const PHASE_MS = Number(process.argv[2] ?? 5000)
const clients = { GET: 16, POST: 8 }
const headings = [
  'phase',
  'GET',
  'failed',
  'POST',
  'failed',
  'p50 ms',
  'p99 ms',
  'retries',
  'CPU µs/request',
  'failures',
]
const folder = mkdtempSync(join(tmpdir(), 'sluice-faults-'))
const children = new Set<ChildProcess>()

const ports = await Promise.all(Array.from({ length: 5 }, freePort))
const [gatewayPort, adminPort, ...originPorts] = ports as [number, number, ...number[]]
const origins: ChildProcess[] = []

try {
  process.exitCode = (await run()) ? 0 : 1
} finally {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
}

async function run(): Promise<boolean> {
  for (let i = 0; i < 3; i++) await startOrigin(i)
  const gateway = await startGateway()
  const load = new Load(`http://127.0.0.1:${gatewayPort}/orders`, clients)
  const rows: Row[] = []
  const phase = async (name: string, act: () => unknown = () => {}) => {
    rows.push(await measure(name, act, { load, gateway }))
    process.stderr.write(`${line(rows.at(-1)!)}\n`)
  }
  await phase('all well')
  await phase('one killed', () => origins[0]!.kill('SIGKILL'))
  await phase('it is back', () => startOrigin(0))
  await phase('one frozen', () => origins[1]!.kill('SIGSTOP'))
  await phase('it goes on', () => origins[1]!.kill('SIGCONT'))
  await phase('one answers 500 half the time', () => origins[2]!.kill('SIGUSR2'))
  await phase('it is mended', () => origins[2]!.kill('SIGUSR2'))
  await phase('all killed', () => origins.map((origin) => origin.kill('SIGKILL')))
  await phase('still all dead')
  await phase('all are back', () => Promise.all([0, 1, 2].map(startOrigin)))
  await phase('a while later')
  await load.stop()
  return report(rows)
}

interface Row {
  readonly name: string
  readonly get: ReturnType<Load['take']>['GET']
  readonly post: ReturnType<Load['take']>['POST']
  readonly retries: number
  readonly cpuMs: number
}

async function measure(
  name: string,
  act: () => unknown,
  { load, gateway }: { load: Load; gateway: ChildProcess },
): Promise<Row> {
  load.take()
  const before = { retries: await retries(), cpu: cpuMs(gateway) }
  await act()
  await pause(PHASE_MS)
  const { GET: get, POST: post } = load.take()
  return { name, get, post, retries: (await retries()) - before.retries, cpuMs: cpuMs(gateway) - before.cpu }
}

function line({ name, get, post, retries: tried, cpuMs: cpu }: Row): string {
  const latencies = [...get.latencies, ...post.latencies]
  const failures = [...get.failures, ...[...post.failures].map(([code, n]) => [`POST ${code}`, n])]
  const cells = [
    name,
    get.sent,
    get.failed,
    post.sent,
    post.failed,
    percentile(latencies, 0.5).toFixed(1),
    percentile(latencies, 0.99).toFixed(1),
    tried,
    ((1000 * cpu) / (get.sent + post.sent)).toFixed(0),
    failures.map(([code, n]) => `${n} × ${code}`).join(', '),
  ]
  return `| ${cells.join(' | ')} |`
}

/** What the gateway promises, as it can be seen from outside. */
function report(rows: readonly Row[]): boolean {
  console.log(`| ${headings.join(' | ')} |\n|${' --- |'.repeat(headings.length)}\n${rows.map(line).join('\n')}\n`)
  const of = (name: string) => rows.find((row) => row.name === name)!
  const some = rows.filter(({ name }) => !/dead|all killed|all are back/.test(name))
  const lostGets = some.reduce((sum, { get }) => sum + get.failed, 0)
  const dead = of('still all dead')
  const requests = dead.get.sent + dead.post.sent
  const later = of('a while later')
  const promises: [string, boolean][] = [
    [`no GET is lost while an origin is left (${lostGets})`, lostGets === 0],
    [
      `all down: ${requests} requests, ${dead.retries} retries (at most a fifth, or 3 a second)`,
      dead.retries <= Math.max(0.2 * requests, (3 * PHASE_MS) / 1000),
    ],
    [
      `all down: the median answer takes ${percentile(dead.get.latencies, 0.5).toFixed(1)} ms`,
      percentile(dead.get.latencies, 0.5) < 20,
    ],
    [`all back: ${later.get.failed + later.post.failed} failures later`, later.get.failed + later.post.failed === 0],
  ]
  for (const [promise, kept] of promises) console.log(`${kept ? 'kept' : 'BROKEN'}: ${promise}`)
  return promises.every(([, kept]) => kept)
}

async function startOrigin(index: number): Promise<void> {
  origins[index] = await start(
    [join(import.meta.dirname, 'origin.ts'), String(originPorts[index]), `o${index}`],
    /listening/,
  )
}

async function startGateway(): Promise<ChildProcess> {
  const file = join(folder, 'gateway.yaml')
  const targets = originPorts.map((port) => `"http://127.0.0.1:${port}"`).join(', ')
  writeFileSync(
    file,
    `listen: http://127.0.0.1:${gatewayPort}
admin: http://127.0.0.1:${adminPort}
upstreams:
  main:
    targets: [${targets}]
    timeouts: { connect: 250ms, response: 2s }
    health: { path: /healthz, interval: 500ms, timeout: 500ms, unhealthyAfter: 2, healthyAfter: 2 }
    breaker: { failures: 5, window: 5s, open: 1s }
    retries: { attempts: 2, budget: 20%, perTry: 500ms, statuses: [500-504] }
routes:
  all: { match: /*, upstream: main, public: "the fault run" }
`,
  )
  return start([join(import.meta.dirname, '../../src/main.ts'), 'run', '--config', file], /readyz/)
}

async function start(args: readonly string[], ready: RegExp): Promise<ChildProcess> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  children.add(child)
  child.on('exit', () => children.delete(child))
  let output = ''
  for await (const chunk of child.stdout) {
    output += chunk
    if (ready.test(output)) break
  }
  return child
}

async function retries(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
  return [...text.matchAll(/^sluice_upstream_retries_total\{.*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0)
}

/** Of all its threads, user and system, from /proc: fields 14 and 15, in ticks of 10 ms. */
function cpuMs({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return 10 * (Number(fields[11]) + Number(fields[12]))
}
