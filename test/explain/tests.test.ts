import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runCheck } from '../../src/commands/check.ts'
import { loadConfig } from '../../src/config/load.ts'
import { runTests } from '../../src/explain/tests.ts'
import { startGateway } from '../support/gateway.ts'

const shop = `name: edge
listen: { main: http://127.0.0.1:8080, inside: http://127.0.0.1:8081 }
consumers:
  shop: { groups: [partner], keys: ["sha256:${'0'.repeat(64)}"] }
upstreams:
  orders: [http://10.0.0.1:3000/base, http://10.0.0.2:3000]
routes:
  orders:
    match: GET,POST api.example.com/orders/*
    upstream: orders
    rewrite: /v1/*
    plugins:
      - any: [api-key, jwt: { issuer: https://id.example.com, jwks: https://id.example.com/keys, claims: { scope: [read] } }]
      - rate-limit: { max: 2, window: 1m }
      - headers: { request: { set: { authorization: "Bearer \${env:TOKEN}" } } }
  office: { match: /office, on: [inside], respond: { body: hi }, public: test, plugins: [ip-filter: { allow: [10.0.0.0/8] }] }
  old: { match: /old, redirect: /new, public: test }
`

const env = { TOKEN: 'the-token-of-the-upstream' }

async function results(tests: string, config = shop) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-tests-'))
  const file = join(folder, 'gateway.yaml')
  await writeFile(file, `${config}tests:\n${tests}\n`)
  try {
    const loaded = await loadConfig(file, { env, shownAs: 'gateway.yaml' })
    if (loaded.config === null) throw new Error(loaded.diagnostics.map(({ message }) => message).join('\n'))
    return await runTests(loaded)
  } finally {
    await rm(folder, { recursive: true })
  }
}

describe('a test passes', () => {
  test.for<[string, string]>([
    [
      'that expects a refusal',
      '{ request: GET /orders/1, expect: { status: 401, code: credentials-missing, plugin: any } }',
    ],
    [
      'that expects the route and where it goes',
      '{ request: GET /orders/1, as: shop, expect: { route: orders, upstream: orders } }',
    ],
    ['by the path that is forwarded', '{ request: "GET /orders/1?a=b", as: shop, expect: { target: "/v1/1?a=b" } }'],
    ['by one of the targets', '{ request: GET /orders/1, as: shop, expect: { target: "http://10.0.0.2:3000" } }'],
    ['by the whole URL', '{ request: GET /orders/1, as: shop, expect: { target: "http://10.0.0.1:3000/base/v1/1" } }'],
    ['by the name of the consumer', '{ request: GET /orders/1, as: shop, expect: { consumer: shop } }'],
    ['by the identity', '{ request: GET /orders/1, as: shop, expect: { consumer: "key:shop" } }'],
    [
      'by what a token says',
      '{ request: GET /orders/1, claims: { sub: "7", scope: read }, expect: { consumer: "jwt:https://id.example.com#7" } }',
    ],
    [
      'because a token does not say enough',
      '{ request: GET /orders/1, claims: { sub: "7" }, expect: { status: 403, plugin: jwt } }',
    ],
    ['that expects nobody', '{ request: GET /old, expect: { consumer: null, plugin: null, upstream: null } }'],
    ['by the headers of the answer', '{ request: GET /old, expect: { headers: { location: /new, x-a: false } } }'],
    [
      'by the headers that the upstream is sent',
      '{ request: GET /orders/1, as: shop, expect: { headers: { Via: 1.1 edge, x-request-id: true, x-api-key: false } } }',
    ],
    ['by the last of several requests', '{ request: GET /orders/1, as: shop, repeat: 3, expect: { status: 429 } }'],
    [
      'by a listener and an address',
      '{ request: GET /office, listener: inside, ip: 10.1.1.1, expect: { status: 200 } }',
    ],
    [
      'without an address that may',
      '{ request: GET /office, listener: inside, expect: { status: 403, plugin: ip-filter } }',
    ],
    ['on a listener that has no such route', '{ request: GET /office, listener: main, expect: { route: null } }'],
    [
      'by several lines of one header',
      '{ request: GET /old, headers: { cookie: [a=1, b=2] }, expect: { status: 307 } }',
    ],
  ])('%s', async ([, one]) => {
    expect((await results(`  - ${one}`)).diagnostics).toEqual([])
  })

  test('with counters that no other test has touched', async () => {
    const one = '  - { request: GET /orders/1, as: shop, repeat: 2, expect: { upstream: orders } }'

    expect((await results(`${one}\n${one}\n${one}`)).results.map(({ ok }) => ok)).toEqual([true, true, true])
  })
})

describe('a test fails', () => {
  test.for<[string, string]>([
    [
      '{ request: GET /orders/1, expect: { status: 200 } }',
      'GET /orders/1: expected status 200, found 401 (it gets 401 credentials-missing, by any)',
    ],
    [
      '{ request: GET /orders/1, as: shop, expect: { status: 200 } }',
      'GET /orders/1 as shop: expected status 200, found none (it is forwarded to orders)',
    ],
    [
      '{ name: it moved, request: GET /old, expect: { headers: { location: /newer } } }',
      'it moved: expected header location /newer, found /new (it gets 307, by route)',
    ],
    [
      '{ request: GET /old, expect: { headers: { location: false } } }',
      'GET /old: expected no header location, found /new (it gets 307, by route)',
    ],
    [
      '{ request: GET /orders/1, as: shop, expect: { target: /v2/1 } }',
      'GET /orders/1 as shop: expected target /v2/1, found http://10.0.0.1:3000/base/v1/1, http://10.0.0.2:3000/v1/1 (it is forwarded to orders)',
    ],
    ['{ request: FETCH /old, expect: { status: 200 } }', 'FETCH /old: "FETCH" is no HTTP method'],
  ])('%s', async ([one, message]) => {
    const { diagnostics, results: found } = await results(`  - ${one}`)

    expect(diagnostics.map((one) => one.message)).toEqual([message])
    expect(found.map(({ ok }) => ok)).toEqual([false])
    expect(diagnostics[0]!.at.line).toBe(19)
  })

  test('without telling a secret of the file', async () => {
    const run = await results(
      '  - { request: GET /orders/1, as: shop, expect: { headers: { authorization: Bearer x } } }',
    )

    expect(JSON.stringify(run)).not.toContain('the-token-of')
    expect(run.results[0]!.ok).toBe(false)
  })
})

test('check runs them, says which fail and where, and exits with 1', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'sluice-tests-'))
  const text = `${shop}tests:\n  - { request: GET /old, expect: { status: 307 } }\n  - { request: GET /old, expect: { status: 200 } }\n`
  await writeFile(join(cwd, 'gateway.yaml'), text)
  let stdout = ''
  const io = {
    stdout: (text: string) => {
      stdout += text
    },
    stderr: () => {},
    cwd,
    env,
  }

  const code = await runCheck([], io)
  const report = stdout.slice(stdout.indexOf('\n\n') + 2)
  stdout = ''
  const codeOfJson = await runCheck(['--json'], io)
  await rm(cwd, { recursive: true })

  expect([code, codeOfJson]).toEqual([1, 1])
  expect(
    report,
  ).toBe(`gateway.yaml:20:44  error  failed-test  GET /old: expected status 200, found 307 (it gets 307, by route)
  20 |   - { request: GET /old, expect: { status: 200 } }
     |                                            ^^^
1 error.
Tests: 1 of 2 failed.
`)
  const at = { file: 'gateway.yaml', column: 16, endColumn: 24 }
  expect(JSON.parse(stdout)).toMatchObject({
    ok: false,
    diagnostics: [],
    tests: [
      { name: 'GET /old', ok: true, expected: { status: 307 }, actual: { status: 307 }, at: { ...at, line: 19 } },
      { name: 'GET /old', ok: false, expected: { status: 200 }, actual: { status: 307 }, at: { ...at, line: 20 } },
    ],
  })
})

describe('reload: { requireTests: true }', () => {
  const config = (status: number, body: string, required = true) => `reload: { requireTests: ${required} }
routes: { a: { match: /a, respond: { status: 200, body: ${body} }, public: test } }
tests: [{ request: GET /a, expect: { status: ${status} } }]
`

  test('keeps what serves when a test of the new file fails, and says which', async () => {
    await using gateway = await startGateway(config(200, 'old'))

    const refused = await gateway.reload(config(201, 'new'))
    const served = await (await gateway.fetch('/a')).text()
    const taken = await gateway.reload(config(200, 'newer'))

    expect(refused).toMatchObject({
      ok: false,
      diagnostics: [{ code: 'failed-test', path: 'tests[0].expect.status', at: { line: 6 } }],
    })
    expect([served, taken.ok, await (await gateway.fetch('/a')).text()]).toEqual(['old', true, 'newer'])
  })

  test('does not start with a file whose tests fail', async () => {
    await expect(startGateway(config(201, 'x'))).rejects.toThrow('GET /a: expected status 201, found 200')
  })

  test('is what makes a test count: without it a failing one is for `check` alone', async () => {
    await using gateway = await startGateway(config(201, 'x', false))

    expect((await gateway.fetch('/a')).status).toBe(200)
  })
})

test('a gateway is not touched by tests of what it reloads: its own limits count on', async () => {
  const config = (extra: string) => `reload: { requireTests: true }
routes: { a: { match: /a, respond: { status: 200 }, public: test, plugins: [rate-limit: { max: 2, window: 1m }] } }
tests: [{ request: GET /a, repeat: 3, expect: { status: 429 } }${extra}]
`
  await using gateway = await startGateway(config(''))

  const before = (await gateway.fetch('/a')).status
  const reloaded = await gateway.reload(config(', { request: GET /a, expect: { status: 200 } }'))
  const after = [(await gateway.fetch('/a')).status, (await gateway.fetch('/a')).status]

  expect([before, reloaded.ok, ...after]).toEqual([200, true, 200, 429])
})
