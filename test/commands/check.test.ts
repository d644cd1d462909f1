import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runCheck } from '../../src/commands/check.ts'
import { runRoutes } from '../../src/commands/routes.ts'
import { shownBy } from '../support/shown.ts'

const cwd = mkdtempSync(join(tmpdir(), 'sluice-check-'))
afterAll(() => rmSync(cwd, { recursive: true }))

writeFileSync(
  join(cwd, 'gateway.yaml'),
  `upstreams: { orders: [http://10.0.0.1:3000] }
routes:
  orders:
    match: GET,POST api.example.com/orders/*
    upstream: orders
    rewrite: /v1/*
    plugins: [api-key, rate-limit: { max: 5, window: 1m, mode: observe }]
  status:
    match: { paths: [/status], headers: { x-tier: gold }, query: { v: "2" } }
    respond: { body: { ok: true } }
    public: health page
  either:
    match: /either
    redirect: /orders
    plugins: [any: [api-key, api-key: { header: x-key }]]
`,
)
writeFileSync(
  join(cwd, 'risky.yaml'),
  'upstreams: { o: { targets: [https://a.internal], tls: { verify: false } } }\nroutes: {}\n',
)
writeFileSync(join(cwd, 'bad.yaml'), 'routes: { a: { match: /a, upstrem: o, public: test } }\n')

type Command = typeof runCheck

function run(command: Command, ...args: string[]) {
  return shownBy(command, args, { cwd })
}

test('check says that a config is fine, and who may use it without credentials', async () => {
  expect(await run(runCheck)).toEqual({
    code: 0,
    stdout: `gateway.yaml is fine: 3 routes, 1 upstream.
Public, for anybody to use:
  status: health page  (gateway.yaml:8:3)
`,
    stderr: '',
  })
})

test('check exits 1 and shows what is wrong', async () => {
  const { code, stdout } = await run(runCheck, '--config', 'bad.yaml')

  expect(code).toBe(1)
  expect(stdout).toBe(`bad.yaml:1:27  error  unknown-key  routes.a has no key "upstrem"
   1 | routes: { a: { match: /a, upstrem: o, public: test } }
     |                           ^^^^^^^ did you mean "upstream"?
1 error.
`)
})

test('warnings fail under --strict alone', async () => {
  expect((await run(runCheck, '--config', 'risky.yaml')).code).toBe(0)
  expect((await run(runCheck, '--config', 'risky.yaml', '--strict')).code).toBe(1)
})

test('check --json has the shape that programs read', async () => {
  const fine = JSON.parse((await run(runCheck, '--json')).stdout)
  const bad = JSON.parse((await run(runCheck, '--json', '--config', 'bad.yaml')).stdout)

  expect(fine).toEqual({
    ok: true,
    diagnostics: [],
    publicRoutes: [
      { route: 'status', reason: 'health page', at: { file: 'gateway.yaml', line: 8, column: 3, endColumn: 9 } },
    ],
    sharedCaches: [],
    tests: [],
  })
  expect(bad).toEqual({
    ok: false,
    diagnostics: [
      {
        code: 'unknown-key',
        severity: 'error',
        at: { file: 'bad.yaml', line: 1, column: 27, endColumn: 34 },
        path: 'routes.a.upstrem',
        message: 'routes.a has no key "upstrem"',
        suggestion: 'did you mean "upstream"?',
      },
    ],
    publicRoutes: [],
    sharedCaches: [],
    tests: [],
  })
})

test.for([['--confg', 'x.yaml'], ['--config'], ['gateway.yaml'], ['--json=yes']])(
  'check %j is a usage error',
  async (args) => {
    const { code, stdout, stderr } = await run(runCheck, ...args)

    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/\nusage: sluice check /)
  },
)

test('routes are a table', async () => {
  const { code, stdout } = await run(runRoutes)

  expect(code).toBe(0)
  expect(stdout).toMatchInlineSnapshot(`
    "route   on         methods   hosts            paths                              chain                          action          public because
    orders  listen[0]  GET,POST  api.example.com  /orders/*                          api-key, rate-limit (observe)  → orders /v1/*
    status  listen[0]  any       any              /status + header x-tier + query v  –                              200             health page
    either  listen[0]  any       any              /either                            any(api-key or api-key)        307 /orders
    "
  `)
})

test('routes --json names everything of a route', async () => {
  const [orders, status] = JSON.parse((await run(runRoutes, '--json')).stdout)

  expect(orders).toEqual({
    route: 'orders',
    listeners: ['listen[0]'],
    methods: ['GET', 'POST'],
    hosts: ['api.example.com'],
    paths: ['/orders/*'],
    conditions: [],
    chain: ['api-key', 'rate-limit (observe)'],
    action: '→ orders /v1/*',
    public: null,
  })
  expect(status).toMatchObject({ conditions: ['header x-tier', 'query v'], action: '200', public: 'health page' })
})

test('routes of a config that is refused are what is wrong with it', async () => {
  const { code, stdout, stderr } = await run(runRoutes, '--config', 'bad.yaml')

  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain('unknown-key')
})

test('finds what a plugin refuses only when it is compiled, at the item', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-'))
  const route = (window: string) =>
    `routes:\n  a:\n    match: /a\n    respond: { status: 200 }\n    public: "test"\n    plugins:\n      - rate-limit: { max: 1, window: ${window} }\n`
  await writeFile(join(folder, 'gateway.yaml'), route('0s'))
  const shown: string[] = []
  const io = { stdout: (text: string) => void shown.push(text), stderr: () => {}, cwd: folder, env: {} }

  const exit = await runCheck([], io)

  expect(exit).toBe(1)
  expect(shown.join('')).toMatch(/^gateway\.yaml:7:9 {2}error {2}plugin-failed {2}/)
  await rm(folder, { recursive: true })
})
