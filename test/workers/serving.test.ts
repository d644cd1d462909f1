/** Two workers that serve as one. CONTRACT "Running it", DESIGN §9. */
import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tableRows } from '../docs/pages.ts'
import type { TestGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { isReady, metric, once, startLoad, startTwo, status } from './setup.ts'

const plain = (cell: string) => cell.replaceAll('`', '')
const answer = (code: number) => `routes:\n  a: { match: /a, respond: { status: ${code} }, public: test }\n`

const plugin = `export const schema = { type: 'object', additionalProperties: false }
export const traits = {}
export default () => { throw new Error('never') }`
const dying = plugin.replace("throw new Error('never')", 'process.exit(3)')
const served = `threads: 2\nplugins: [metrics]\n${answer(200)}`

/** For what leaves it as it is. */
let gateway: TestGateway

beforeAll(async () => {
  const files = { 'no.js': plugin, 'dies.js': dying }
  gateway = await startTwo(served, { threads: 'as the file says', files })
})

afterAll(() => gateway[Symbol.asyncDispose]())

test('spreads connections over workers, and sums what they count', async () => {
  expect(await isReady(gateway)).toBe(true)
  const busy = async () => (await status(gateway)).workers.filter(({ requests }) => requests > 0).length

  let sent = 0
  while ((await busy()) < 2) {
    expect(await once(`${gateway.url}/a`)).toBe(200)
    sent++
  }

  const { threads, workers } = await status(gateway)
  expect(threads).toBe(2)
  expect(workers.map(({ id, generation }) => [id, generation])).toEqual([
    [1, 1],
    [2, 1],
  ])
  const total = async () => (await status(gateway)).workers.reduce((sum, { requests }) => sum + requests, 0)
  await expect.poll(total).toBe(sent)
  const series = 'sluice_http_requests_total{route="a",method="GET",code="200",source="gateway"}'
  await expect.poll(() => metric(gateway, series)).toBe(sent)
  const exposition = await gateway.metrics()
  for (const [name, type, labels] of tableRows('docs/metrics.md', '<!-- worker metrics -->')) {
    const label = labels === '' ? '' : `{${plain(labels!)}="1"}`
    expect(exposition).toContain(`# TYPE ${plain(name!)} ${type}\n${plain(name!)}${label} `)
  }
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: exposition, encoding: 'utf8' })
  expect(checked.stdout + checked.stderr).toBe('')
})

test('a reload under load reaches every worker and loses no request', async () => {
  await using origin = await startOrigin()
  const config = (path: string) =>
    `routes:\n  a: { match: /a, upstream: "${origin.url}", public: test }\n  b: { match: ${path}, respond: { status: 204 }, public: test }\n`
  await using gateway = await startTwo(config('/b0'))
  const load = startLoad(`${gateway.url}/a`, 6)

  for (let i = 1; i <= 5; i++) {
    expect(await gateway.reload(config(`/b${i}`))).toMatchObject({ ok: true, generation: i + 1 })
    // Whoever answers, it is the new file already.
    for (let connection = 0; connection < 6; connection++) expect(await once(`${gateway.url}/b${i}`)).toBe(204)
    expect(await isReady(gateway)).toBe(true)
  }

  await load.stop()
  expect([...load.results.keys()]).toEqual([200])
})

test('a config that one thread cannot serve is served by none', async () => {
  const using = (file: string) => `threads: 2\n${answer(201).replace('public', `plugins: [./${file}], public`)}`

  const refused = await gateway.reload(using('no.js'))
  expect(refused).toMatchObject({ ok: false, diagnostics: [{ code: 'plugin-failed', path: 'routes.a/./no.js#0' }] })
  const killed = await gateway.reload(using('dies.js'))
  expect(killed).toMatchObject({ ok: false, diagnostics: [{ code: 'worker-ended' }] })

  await expect.poll(() => isReady(gateway)).toBe(true)
  for (let i = 0; i < 6; i++) expect(await once(`${gateway.url}/a`)).toBe(200)
  expect((await status(gateway)).workers.map(({ generation }) => generation)).toEqual([1, 1])
})

test('another number of threads takes a restart', async () => {
  const result = await gateway.reload(`threads: 3\n${answer(201)}`)

  expect(result).toMatchObject({ ok: false, diagnostics: [{ code: 'threads-changed', at: { line: 4, column: 10 } }] })
  expect(await once(`${gateway.url}/a`)).toBe(200)
})

test('a listener that a reload removes says goodbye before it goes', async () => {
  const listen = (more: string) => `listen: { a: http://127.0.0.1:0, ${more} }\n${answer(200)}`
  await using gateway = await startTwo(listen('b: http://127.0.0.1:0'))
  const { port } = gateway.gateway.addresses.get('b')!
  const socket = connect(port, '127.0.0.1')
  let heard = ''
  socket.on('data', (chunk) => {
    heard += chunk
  })
  const ask = () => socket.write('GET /a HTTP/1.1\r\nhost: x\r\n\r\n')
  ask()
  await expect.poll(() => heard).toContain('HTTP/1.1 200')

  const reloaded = gateway.reload(listen('c: http://127.0.0.1:0'))
  while (!/connection: close/i.test(heard) && !socket.destroyed) {
    const before = heard.length
    ask()
    await expect.poll(() => heard.length > before || socket.destroyed).toBe(true)
  }

  expect((await reloaded).ok).toBe(true)
  expect(heard).toMatch(/connection: close/i)
  await expect.poll(() => once(`http://127.0.0.1:${port}/a`)).toBe('ECONNREFUSED')
  expect(await once(`http://127.0.0.1:${gateway.gateway.addresses.get('c')!.port}/a`)).toBe(200)
})
