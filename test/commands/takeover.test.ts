/** `run --takeover`: two processes on one address, the second of which replaces the first. */

import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { runSluice } from '../support/child.ts'
import { sluice } from '../support/command-line.ts'
import { freePort } from '../support/ports.ts'
import { runHere } from '../support/run-here.ts'
import { exchange, statusOf } from '../support/wire.ts'

let runtime: string

beforeAll(async () => {
  runtime = await mkdtemp(join(tmpdir(), 'sluice-runtime-'))
})

afterAll(() => rm(runtime, { recursive: true }))

const config = (port: number, admin: number, body: string) => `
listen: http://127.0.0.1:${port}
admin: http://127.0.0.1:${admin}
shutdown: { delay: 0ms, deadline: 60s }
limits: { headTimeout: 60s }
routes:
  slow: { match: /slow, upstream: "builtin://echo", rewrite: /delay/1500, public: test }
  all: { match: "/*", respond: { body: ${body} }, public: test }
`

/** One request on a connection of its own: status and body, or nothing of an answer. */
async function onceOver(port: number): Promise<string> {
  const answer = await exchange(port, 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  return `${statusOf(answer)} ${answer.split('\r\n\r\n')[1]}`
}

const env = () => ({ XDG_RUNTIME_DIR: runtime })
const run = (yaml: string, ...args: string[]) => runSluice(yaml, { args, env: env() })
/** What is no matter of processes. */
const here = (yaml: string, ...args: string[]) => runHere(yaml, { args, env: env() })

let refusedOnes = 0

/** Of one that does not come to serve. */
async function refused(yaml: string, ...args: string[]) {
  const file = join(runtime, `refused-${++refusedOnes}.yaml`)
  await writeFile(file, yaml)
  const place = { cwd: runtime, env: env() }
  return sluice(['sluice run --config', file, ...args].join(' '), place)
}

/** Whether this kernel lets connections go that wait on a listener when it closes. */
async function resetsWhatWaits(): Promise<boolean> {
  const setting = await readFile('/proc/sys/net/ipv4/tcp_migrate_req', 'latin1').catch(() => '')
  return setting.trim() === '0'
}

describe('a gateway started with --takeover', () => {
  test.concurrent('serves where the one before it did, which finishes what it has begun and exits 0', async ({
    expect,
  }) => {
    const [port, admin] = [await freePort(), await freePort()]
    await using first = await run(config(port, admin, 'first'))
    await first.serving()
    const slow = fetch(`${first.url}/slow`)
    const idle = connect(port, '127.0.0.1')
    await once(idle, 'connect')

    await using second = await run(config(port, admin, 'second'), '--takeover')
    await second.serving()
    // Connected before, asking only now.
    idle.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
    const [late] = await once(idle, 'data')

    expect(await first.ended()).toBe(0)
    expect((await slow).status).toBe(200)
    expect(String(late)).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close\r\n[\s\S]*first$/i)
    expect(await (await fetch(`${second.url}/a`)).text()).toBe('second')
    expect((await fetch(`${second.adminUrl}/readyz`)).status).toBe(200)
    expect(second.output.stderr.includes('tcp_migrate_req=1')).toBe(await resetsWhatWaits())
    expect(first.output.stderr).not.toContain('tcp_migrate_req')
  })

  test.concurrent('answers those who come to the threads that are ready first', async ({ expect }) => {
    const [port, admin] = [await freePort(), await freePort()]
    await using _first = await here(config(port, admin, 'first'))
    const late = `import { threadId } from 'node:worker_threads'
import { setTimeout as pause } from 'node:timers/promises'
if (threadId % 2 === 1) await pause(300)
export const schema = { type: 'object', additionalProperties: false }
export const traits = {}
export default () => {}`
    const both = `${config(port, admin, 'second')}plugins: [./late.js]\nthreads: 2\n`

    await using second = await runSluice(both, {
      args: ['--takeover'],
      env: env(),
      files: { 'late.js': late },
    })
    const answers = new Set<string>()
    let isServing = false
    const serving = second.serving().finally(() => {
      isServing = true
    })
    while (!isServing) answers.add(await onceOver(port))
    await serving

    expect([...answers].sort()).toEqual(['200 first', '200 second'])
  })

  test.concurrent('that has a mistake in its file leaves the one before it alone', async ({ expect }) => {
    const [port, admin] = [await freePort(), await freePort()]
    await using first = await here(config(port, admin, 'first'))

    const second = await refused(config(port, admin, 'second').replace('match', 'mach'), '--takeover')

    expect(second.exitCode).toBe(1)
    expect(second.output).toMatch(/unknown-key[^\n]*mach/)
    expect(await (await fetch(`${first.url}/a`)).text()).toBe('first')
  })

  test.concurrent('starts as ever where nobody serves, and finds an address that somebody else has in use', async ({
    expect,
  }) => {
    const stranger = createServer().listen(0, '127.0.0.1')
    await once(stranger, 'listening')
    const { port } = stranger.address() as AddressInfo

    const taken = await refused(config(port, await freePort(), 'a'), '--takeover')
    expect(taken.exitCode).toBe(1)
    expect(taken.output).toMatch(/address already in use/)
    stranger.close()
    await once(stranger, 'close')
    await using alone = await here(config(port, await freePort(), 'a'), '--takeover')
    expect(await (await fetch(`${alone.url}/a`)).text()).toBe('a')
  })
})

test.concurrent('a second gateway without --takeover is refused the address, also of one that would share it', async ({
  expect,
}) => {
  const [port, admin] = [await freePort(), await freePort()]
  await using _first = await here(config(port, admin, 'first'))

  const second = await refused(config(port, await freePort(), 'second'))

  expect(second.exitCode).toBe(1)
  expect(second.output).toMatch(/address already in use/)
})
