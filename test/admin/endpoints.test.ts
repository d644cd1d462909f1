/** What each path of the admin listener answers. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { startAdmin } from './admin.ts'

test('says that the process is alive', async () => {
  await using admin = await startAdmin()

  const answer = await admin.send('/healthz')

  expect([answer.status, answer.json()]).toEqual([200, { alive: true }])
})

test('is ready exactly while the gateway is', async () => {
  let ready = false
  await using admin = await startAdmin({ ready: () => ready })

  const before = await admin.send('/readyz')
  ready = true
  const after = await admin.send('/readyz')

  expect(before.status).toBe(503)
  expect(before.json()).toEqual({ ready: false, reason: expect.any(String) })
  expect([after.status, after.json()]).toEqual([200, { ready: true }])
})

test('hands the exposition out as Prometheus expects it, whole or in pieces', async () => {
  const contentType = 'text/plain; version=0.0.4; charset=utf-8'
  async function* pieces(): AsyncGenerator<string> {
    yield 'a 1\n'
    yield 'b 2\n'
  }
  await using whole = await startAdmin()
  await using parts = await startAdmin({ metrics: async () => ({ contentType, text: pieces() }) })

  const answers = [await whole.send('/metrics'), await parts.send('/metrics')]

  expect(answers.map(({ body }) => body)).toEqual(['up 1\n', 'a 1\nb 2\n'])
  expect(answers.map(({ headers }) => headers['content-type'])).toEqual([contentType, contentType])
})

test('shows status, routes and, where there are any to show, upstreams', async () => {
  await using admin = await startAdmin()
  await using full = await startAdmin({ upstreams: async () => [{ name: 'orders' }] })

  expect((await admin.send('/api/status')).json()).toMatchObject({ version: '1.2.3', generation: 7, threads: 1 })
  expect((await admin.send('/api/routes')).json()).toEqual({ routes: [{ name: 'orders' }, { name: 'status' }] })
  expect((await admin.send('/api/upstreams')).status).toBe(404)
  expect((await full.send('/api/upstreams')).json()).toEqual({ upstreams: [{ name: 'orders' }] })
})

test('shows the configuration as YAML, and wrapped in JSON for who accepts only that', async () => {
  await using admin = await startAdmin()

  const yaml = await admin.send('/api/config', { headers: { accept: '*/*' } })
  const json = await admin.send('/api/config', { headers: { accept: 'application/json' } })

  expect([yaml.headers['content-type'], yaml.body]).toEqual([
    'application/yaml; charset=utf-8',
    'listen: http://127.0.0.1:8080\n',
  ])
  expect(json.json()).toEqual({ source: 'listen: http://127.0.0.1:8080\n' })
})

test('reloads on POST and answers what serves then', async () => {
  await using admin = await startAdmin()

  const bare = await admin.send('/api/reload', { method: 'POST' })
  const empty = await admin.send('/api/reload', { method: 'POST', headers: { 'content-type': 'application/json' } })
  const json = await admin.send('/api/reload', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })

  expect([bare.status, bare.json()]).toEqual([200, { generation: 8, changed: true }])
  expect([empty.status, json.status]).toEqual([200, 200])
})

test('answers 422 with the diagnostics when the file is refused', async () => {
  const at = { file: 'gateway.yaml', line: 1, column: 2, endColumn: 3 }
  const diagnostic = { code: 'unknown-key', severity: 'error', at, path: 'x', message: 'no key "x"' } as const
  await using admin = await startAdmin({ reload: async () => ({ ok: false, diagnostics: [diagnostic] }) })

  const answer = await admin.send('/api/reload', { method: 'POST' })

  expect([answer.status, answer.json()]).toEqual([422, { diagnostics: [diagnostic] }])
})

test('shows an index page without script, escaped, whose style its policy allows', async () => {
  await using admin = await startAdmin()

  const { headers, body } = await admin.send('/')

  const style = /<style>(.*)<\/style>/s.exec(body)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  expect(headers['content-security-policy']).toBe(
    `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  )
  expect(body).not.toMatch(/<script|<gateway>/)
  expect(body).toMatch(/&lt;gateway&gt;/)
  expect(body).toMatch(/<dt>Routes<\/dt><dd>2<\/dd>/)
  expect(body).toMatch(/href="\/metrics"/)
})

test('sends the headers of a private API with every answer', async () => {
  await using admin = await startAdmin()

  for (const path of ['/', '/healthz', '/metrics', '/nowhere']) {
    const { headers } = await admin.send(path)
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    })
  }
})

test('answers HEAD like GET, without the body', async () => {
  await using admin = await startAdmin()

  const answer = await admin.send('/api/status', { method: 'HEAD' })

  expect([answer.status, answer.body]).toEqual([200, ''])
})

test('says that the stream of live requests is not supported yet', async () => {
  await using admin = await startAdmin()

  const answer = await admin.send('/api/events')

  expect([answer.status, answer.json().code]).toEqual([501, 'not-supported'])
})
