/** Signals, exit codes and failed starts, of a real process where that is the point. CONTRACT "Running it". */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { runSluice } from '../support/child.ts'
import { sluice } from '../support/command-line.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { runHere } from '../support/run-here.ts'

let origin: Origin
/** Answers that are not given before a test does so, by path. */
const held = new Map<string, ServerResponse>()

beforeAll(async () => {
  origin = await startOrigin((request, response) => {
    if (request.url!.startsWith('/held/')) held.set(request.url!, response)
    else response.end(request.url)
  })
})

afterAll(async () => {
  await origin[Symbol.asyncDispose]()
})

const config = (shutdown = '{ delay: 0ms, deadline: 2s }', more = '') => `
listen: http://127.0.0.1:0
admin: http://127.0.0.1:0
shutdown: ${shutdown}
routes:
  all: { match: "/*", upstream: "${origin.url}", public: test${more} }
threads: 1
`

/** One request on the agent's connection. */
async function get(url: string, agent: Agent): Promise<IncomingMessage> {
  const request = httpRequest(url, { agent }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
  return response
}

describe('SIGTERM', () => {
  test.concurrent('serves on for the delay, not ready, then says goodbye, finishes what is open and exits 0', async ({
    expect,
  }) => {
    await using sluice = await runSluice(config('{ delay: 3s, deadline: 60s }'))
    await sluice.serving()
    const { url, adminUrl } = sluice
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    expect((await fetch(`${adminUrl}/readyz`)).status).toBe(200)
    const slow = fetch(`${url}/held/finished`)
    await expect.poll(() => held.has('/held/finished')).toBe(true)

    sluice.process.kill('SIGTERM')

    await expect.poll(async () => (await fetch(`${adminUrl}/readyz`)).status).toBe(503)
    expect((await fetch(`${adminUrl}/healthz`)).status).toBe(200)
    const during = await get(`${url}/during`, agent)
    expect([during.statusCode, during.headers.connection]).toEqual([200, 'keep-alive'])
    // Then each answer takes its connection along.
    let last = during
    while (last.headers.connection !== 'close') last = await get(`${url}/more`, agent)
    expect(last.statusCode).toBe(200)
    held.get('/held/finished')!.end('whole')
    const finished = await slow
    expect([finished.status, await finished.text()]).toEqual([200, 'whole'])
    expect(await sluice.ended()).toBe(0)
    agent.destroy()
  })

  test.concurrent('cuts what is still open at the deadline', async ({ expect }) => {
    await using sluice = await runHere(config('{ delay: 0ms, deadline: 300ms }'))
    const slow = fetch(`${sluice.url}/held/cut`).catch((error: unknown) => error)
    await expect.poll(() => held.has('/held/cut')).toBe(true)

    sluice.signal('SIGTERM')

    expect(await slow).toBeInstanceOf(Error)
    expect(await sluice.ended()).toBe(0)
  })

  test.concurrent('twice ends at once', async ({ expect }) => {
    await using sluice = await runSluice(config('{ delay: 60s, deadline: 60s }'))
    await sluice.serving()

    sluice.process.kill('SIGTERM')
    await expect.poll(async () => (await fetch(`${sluice.adminUrl}/readyz`)).status).toBe(503)
    sluice.process.kill('SIGTERM')

    expect(await sluice.ended()).toBe(0)
  })

  // Alone: a client that is kept from asking for longer than a listener waits is not told.
  test('loses no request of clients that keep their connections while they are told so', async ({ expect }) => {
    await using sluice = await runHere(config('{ delay: 150ms, deadline: 3s }'))
    const { url } = sluice
    const failures: unknown[] = []
    let answered = 0
    const client = async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      let told = false
      while (!told) {
        try {
          const response = await get(url, agent)
          answered++
          told = response.headers.connection === 'close'
        } catch (error) {
          failures.push(error)
          told = true
        }
      }
      agent.destroy()
    }
    const clients = Array.from({ length: 8 }, client)
    await expect.poll(() => answered).toBeGreaterThan(50)

    sluice.signal('SIGTERM')
    await Promise.all(clients)

    expect(failures).toEqual([])
    expect(await sluice.ended()).toBe(0)
  })
})

test.concurrent('SIGINT ends without the delay', async ({ expect }) => {
  await using sluice = await runHere(config('{ delay: 60s, deadline: 2s }'))

  sluice.signal('SIGINT')

  expect(await sluice.ended()).toBe(0)
})

test.concurrent('SIGHUP loads the file as it is now, and a file that cannot serve leaves what serves as it is', async ({
  expect,
}) => {
  const files = { 'bad.js': `export default async () => { throw new Error('boom') }` }
  await using sluice = await runSluice(config(), { files })
  await sluice.serving()
  const lastReload = async () => {
    const status = (await (await fetch(`${sluice.adminUrl}/api/status`)).json()) as { lastReload: unknown }
    return status.lastReload
  }

  for (const [from, to, code] of [
    ['upstream', 'upstrem', 'unknown-key'],
    ['http://127.0.0.1:0', 'http://no-such-host.invalid:1', 'address-taken'],
    ['public: test', 'public: test, plugins: [./bad.js]', 'plugin-failed'],
  ] as const) {
    await writeFile(sluice.file, config().replace(from, to))
    sluice.process.kill('SIGHUP')
    await expect.poll(lastReload).toMatchObject({ ok: false, diagnostics: [{ code }] })
    expect((await fetch(sluice.url)).status).toBe(200)
  }

  await writeFile(sluice.file, config().replace('/*', '/only'))
  sluice.process.kill('SIGHUP')
  await expect.poll(async () => (await fetch(`${sluice.url}/other`)).status).toBe(404)
  expect((await fetch(`${sluice.url}/only`)).status).toBe(200)
})

describe('a start that fails exits 1', () => {
  test.concurrent('on a mistake in the file, with where it is', async ({ expect }) => {
    const failed = await runHere(config().replace('upstream', 'upstrem')).catch((error: Error) => error.message)

    expect(failed).toMatch(
      /ended with 1: [\s\S]*gateway\.yaml:6:\d+ +error +unknown-key[\s\S]*did you mean "upstream"\?/,
    )
    expect(failed).not.toMatch(/\n +at /)
  })

  test.concurrent.for(['listen', 'admin'] as const)('on an address in use, %s', async (key, { expect }) => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const folder = await mkdtemp(join(tmpdir(), 'sluice-taken-'))
    const file = join(folder, 'gateway.yaml')
    await writeFile(file, config().replace(`${key}: http://127.0.0.1:0`, `${key}: http://127.0.0.1:${port}`))

    const { exitCode, output } = await sluice(`sluice run --config ${file}`, { cwd: folder, env: {} })

    expect(exitCode).toBe(1)
    expect(output).toMatch(/address already in use/)
    expect(output).not.toMatch(/\n +at /)
    await rm(folder, { recursive: true })
    taken.close()
  })

  test.concurrent.for(['src/main.ts', 'bin/sluice.js'])(
    'on a Node that is too old, in one line: %s',
    async (main, { expect }) => {
      const older = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })`
      await using sluice = await runSluice(config(), {
        node: ['--import', `data:text/javascript,${encodeURIComponent(older)}`],
        main: fileURLToPath(new URL(`../../${main}`, import.meta.url)),
      })

      expect(await sluice.ended()).toBe(1)
      expect(sluice.output.stderr).toMatch(/^sluice needs Node 24 or later; this is v[^\n]*\n$/)
    },
  )
})

test.concurrent('a plugin beside the config takes the contract from this very process', async ({ expect }) => {
  const plugin = `
import { Problem, type Scope } from 'sluice/plugin'
export const schema = { type: 'object', additionalProperties: false }
export const traits = { refuses: true }
export default function (scope: Scope) {
  scope.addHook('onRequest', () => { throw new Problem('forbidden', 'Not here.') })
}
`
  await using sluice = await runSluice(config('{ delay: 0ms, deadline: 1s }', ', plugins: [./no.ts]'), {
    files: { 'no.ts': plugin },
  })
  await sluice.serving()

  const response = await fetch(sluice.url)

  expect(await response.json()).toMatchObject({ code: 'forbidden', detail: 'Not here.' })
})
