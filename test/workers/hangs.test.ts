/** Workers whose event loop does not turn any more: they are replaced, and neither a reload nor a stop waits for them. */
import { existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { runSluice } from '../support/child.ts'
import type { TestGateway } from '../support/gateway.ts'
import { isReady, metric, once, startTwo, status } from './setup.ts'

const hanging = `import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
export const schema = { type: 'object', additionalProperties: false }
export const traits = { answers: true }
const hangs = {
  '/spin': () => { for (;;) {} },
  '/wait': () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  '/native': () => {
    // Whoever reads it waits for somebody to write.
    execFileSync('mkfifo', ['pipe'], { cwd: import.meta.dirname })
    readFileSync(new URL('pipe', import.meta.url))
  },
}
export default function (scope) {
  scope.addHook('onRequest', ({ exchange }) => {
    writeFileSync(new URL('hangs', import.meta.url), '')
    hangs[exchange.facts.path]()
  })
}`
const files = { 'hanging.js': hanging }
const config = (status: number) => `routes:
  live: { match: /live, respond: { status: ${status} }, public: test }
  hang: { match: /*, respond: { status: 200 }, public: test, plugins: [./hanging.js] }
`

/** Has a worker hang. Resolves when it does, with what its client will be told. */
async function hang(url: string, folder: string): Promise<{ readonly told: Promise<number | string> }> {
  const sign = join(folder, 'hangs')
  rmSync(sign, { force: true })
  const told = once(url)
  // Not `expect.poll`: that of tests at the same time would not be known here.
  await vi.waitUntil(() => existsSync(sign), { timeout: 60_000, interval: 20 })
  return { told }
}

let gateway: TestGateway

beforeAll(async () => {
  // A thread that starts takes more than half of a second, in one turn, where nothing is compiled yet.
  gateway = await startTwo(config(200), { files, threadBounds: { mostTurnMs: 2000, lookMs: 1000 } })
})

afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
})

test('a worker in an endless loop is replaced, and the log and a metric say so', async () => {
  const { told } = await hang(`${gateway.url}/spin`, gateway.folder)

  expect(await told).toBe('ECONNRESET')
  await expect.poll(() => metric(gateway, 'sluice_worker_restarts_total')).toBe(1)
  expect(await metric(gateway, 'sluice_worker_hangs_total')).toBe(1)
  await expect.poll(() => isReady(gateway)).toBe(true)
  for (let i = 0; i < 6; i++) expect(await once(`${gateway.url}/live`)).toBe(200)
  const logged = gateway.log.filter(({ message }) => message === 'a worker hangs: it is ended')
  expect(logged).toMatchObject([{ level: 'error', reason: 'its event loop has not turned for 2 s of CPU time' }])
})

test('a reload that meets a worker in an endless loop is served by its successor', async () => {
  const { told } = await hang(`${gateway.url}/spin`, gateway.folder)

  expect(await gateway.reload(config(204))).toMatchObject({ ok: true, generation: 2 })

  expect(await told).toBe('ECONNRESET')
  expect((await status(gateway)).workers.map(({ generation }) => generation)).toEqual([2, 2])
  for (let i = 0; i < 6; i++) expect(await once(`${gateway.url}/live`)).toBe(204)
})

// The last on this gateway.
test.concurrent('a stop that meets a worker that waits for ever ends it', async ({ expect }) => {
  const { told } = await hang(`${gateway.url}/wait`, gateway.folder)

  await gateway.gateway.stop()

  // It has been told to end; on a busy machine the thread takes longer to get there than the stop waits.
  await vi.waitUntil(() => !gateway.gateway.isStuck(), { timeout: 60_000, interval: 20 })
  expect(gateway.log.at(-1)).toMatchObject({ message: 'stopped' })
  expect(await told).toBe('ECONNRESET')
})

// Not even an exit would end it: that waits for the thread.
test.concurrent('SIGTERM at a gateway with a worker that hangs in native code kills it', async ({ expect }) => {
  const server =
    'listen: http://127.0.0.1:0\nadmin: http://127.0.0.1:0\nthreads: 2\nshutdown: { delay: 0s, deadline: 0s }\n'
  await using sluice = await runSluice(server + config(200), { files })
  await sluice.serving()
  const { told } = await hang(`${sluice.url}/native`, dirname(sluice.file))

  sluice.process.kill('SIGTERM')

  expect(await sluice.ended()).toBe(null)
  expect(sluice.process.signalCode).toBe('SIGKILL')
  expect(sluice.output.stderr).toContain('"message":"stopped"')
  expect(await told).toBe('ECONNRESET')
})
