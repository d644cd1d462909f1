/**
 * Requests on connections that have been idle for about as long as the origin keeps them: a Node server with its default of 5 s,
 * and one that closes after 1 s without having said so. Origin, gateway and clients are processes of their own, so that a close
 * and a request can cross on the wire. Prints what clients saw as a Markdown table; exits 1 when a GET failed, or anything
 * where the origin had said how long it waits. Arguments: requests of each row (default 500,000 GET, a tenth of it POST).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runIdle } from './idle-clients.ts'

const GROUPS = 16
const requests = Number(process.argv[2] ?? 500_000)
const folder = mkdtempSync(join(tmpdir(), 'sluice-idle-'))
const children = new Set<ChildProcess>()

/** Gaps lie on both sides of the moment when the origin closes; `announced` ones also of that until when we reuse. */
const origins = [
  {
    name: 'Node’s 5 s, announced',
    seconds: 5,
    manner: 'announced',
    perGroup: 320,
    gap: () => 3800 + 2400 * Math.random(),
  },
  { name: '1 s, not announced', seconds: 1, manner: 'silent', perGroup: 110, gap: () => 985 + 30 * Math.random() },
] as const

try {
  console.log(
    '| keep-alive of the origin | method | requests | failed | repeated | failures |\n| --- | --- | --: | --: | --: | --- |',
  )
  await Promise.all(origins.map(measure))
} finally {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
}

async function measure({ name, seconds, manner, perGroup, gap }: (typeof origins)[number]): Promise<void> {
  const [, originPort] = await start(['idle-origin.ts', String(seconds * 1000), manner], /listening (\d+)/)
  const [, port, admin] = await startGateway(manner, Number(originPort))
  for (const method of ['GET', 'POST'] as const) {
    const before = await repeated(admin!)
    const run = {
      port: Number(port),
      method,
      groups: GROUPS,
      perGroup,
      gap,
      requests: method === 'GET' ? requests : requests / 10,
    }
    const { sent, failed, failures } = await runIdle(run)
    const what = [...failures].map(([code, n]) => `${n} × ${code}`).join(', ')
    console.log(`| ${name} | ${method} | ${sent} | ${failed} | ${(await repeated(admin!)) - before} | ${what} |`)
    if (failed > 0 && (method === 'GET' || manner === 'announced')) process.exitCode = 1
  }
}

/** Each group has an upstream, and thus connections, of its own. */
function startGateway(name: string, originPort: number): Promise<RegExpExecArray> {
  const groups = Array.from({ length: GROUPS }, (_, index) => index)
  const upstream = (group: number) =>
    `  u${group}: { targets: ["http://127.0.0.1:${originPort}"], connections: { max: 1024, idle: 60s }, timeouts: { connect: 30s, response: 60s } }`
  const route = (group: number) => `  r${group}: { match: /${group}, upstream: u${group}, public: "the idle run" }`
  const file = join(folder, `${name}.yaml`)
  writeFileSync(
    file,
    `listen: http://127.0.0.1:0
admin: http://127.0.0.1:0
threads: 1
upstreams:
${groups.map(upstream).join('\n')}
routes:
${groups.map(route).join('\n')}
`,
  )
  return start(
    ['../../src/main.ts', 'run', '--config', file],
    /127\.0\.0\.1:(\d+)[\s\S]*?127\.0\.0\.1:(\d+)[\s\S]*readyz/,
  )
}

/** Requests that went out once more because the connection they were on had died idle. */
async function repeated(admin: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()
  return [...text.matchAll(/^sluice_upstream_retries_total\{.*reason="reused".*\} (\d+)$/gm)].reduce(
    (sum, [, n]) => sum + Number(n),
    0,
  )
}

async function start([script, ...args]: [string, ...string[]], ready: RegExp): Promise<RegExpExecArray> {
  const child = spawn(process.execPath, [join(import.meta.dirname, script), ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  children.add(child)
  child.on('exit', () => children.delete(child))
  let output = ''
  for await (const chunk of child.stdout) {
    output += chunk
    const found = ready.exec(output)
    if (found !== null) return found
  }
  throw new Error(`${script} did not start: ${output}`)
}
