/**
 * Gateways that take over from each other under load (`run --takeover`): what their clients lose. 16 clients have a connection for
 * each request, 8 keep theirs. Exits 1 when anything was lost but to the kernel, which may reset what is connecting while a listener
 * closes (see docs/operations.md). Arguments: takeovers (default 10), threads of each gateway (default 1).
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type RunningSluice, runSluice } from '../../test/support/child.ts'
import { freePort } from '../peer.ts'
import { Load } from './load.ts'

const takeovers = Number(process.argv[2] ?? 10)
const threads = Number(process.argv[3] ?? 1)
const [port, admin] = [await freePort(), await freePort()]
const runtime = await mkdtemp(join(tmpdir(), 'sluice-takeover-'))
const yaml = `
listen: http://127.0.0.1:${port}
admin: http://127.0.0.1:${admin}
threads: ${threads}
shutdown: { delay: 0ms, deadline: 5s }
routes:
  all: { match: "/*", upstream: "builtin://echo", rewrite: /status/200, public: the takeover run }
`

let running = await start()
try {
  const url = `http://127.0.0.1:${port}/`
  const loads = [
    new Load(url, { GET: 16, POST: 0 }, { keepAlive: false }),
    new Load(url, { GET: 8, POST: 0 }, { keepAlive: true }),
  ]
  await pause(500)
  for (let i = 0; i < takeovers; i++) {
    const before = running
    running = await start('--takeover')
    if ((await before.ended()) !== 0) throw new Error('the gateway before did not end well')
    await pause(200)
  }
  await Promise.all(loads.map((load) => load.stop()))
  const migration = (await readFile('/proc/sys/net/ipv4/tcp_migrate_req', 'latin1').catch(() => 'unknown')).trim()
  console.log(`${takeovers} takeovers, ${threads} thread(s) each, tcp_migrate_req=${migration}`)
  for (const [name, load] of [
    ['a connection each', loads[0]!],
    ['kept', loads[1]!],
  ] as const) {
    const { sent, failed, failures } = load.take().GET
    console.log(`${name}: ${sent} requests, ${failed} failed ${JSON.stringify(Object.fromEntries(failures))}`)
    if ([...failures.keys()].some((what) => what !== 'ECONNRESET')) process.exitCode = 1
  }
} finally {
  running.process.kill('SIGKILL')
  await running[Symbol.asyncDispose]()
  await rm(runtime, { recursive: true })
}

async function start(...args: string[]): Promise<RunningSluice> {
  const sluice = await runSluice(yaml, { args, env: { XDG_RUNTIME_DIR: runtime } })
  await sluice.serving()
  return sluice
}
