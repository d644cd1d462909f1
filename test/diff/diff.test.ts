import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { runDiff } from '../../src/commands/diff.ts'
import { startGateway } from '../support/gateway.ts'
import { shownBy } from '../support/shown.ts'

const cwd = mkdtempSync(join(tmpdir(), 'sluice-diff-'))
afterAll(() => rmSync(cwd, { recursive: true }))

function run(...args: string[]) {
  return shownBy(runDiff, args, { cwd, env: { TOKEN: 'an-interpolated-value' } })
}

async function diffOf(before: string, after: string, ...args: string[]) {
  writeFileSync(join(cwd, 'old.yaml'), before)
  writeFileSync(join(cwd, 'new.yaml'), after)
  return run('old.yaml', 'new.yaml', ...args)
}

/** Each detail with what it weakens: `text [weaker-auth]`. */
async function detailsOf(before: string, after: string): Promise<string[]> {
  const { stdout } = await diffOf(before, after, '--json')
  const { changes } = JSON.parse(stdout) as {
    changes: { details: { text: string; weakens?: string }[] }[]
  }
  return changes.flatMap(({ details }) =>
    details.map(({ text, weakens }) => (weakens === undefined ? text : `${text} [${weakens}]`)),
  )
}

const key = `sha256:${'a'.repeat(64)}`
const jwt = 'issuer: "https://id.example.com", secret: "a-shared-secret-of-at-least-32-bytes"'
const chain = (items: string, more = '') =>
  `routes: { a: { match: /a, upstream: "builtin://echo", ${more} plugins: [${items}] } }\n`

describe('a changed chain', () => {
  test.for([
    ['api-key', 'api-key: { query: key }', 'api-key query: added, key [weaker-auth]'],
    ['api-key, api-key: { header: x-b }', 'api-key', 'api-key is gone [weaker-auth]'],
    [
      'api-key',
      `jwt: { ${jwt} }`,
      'clients sign in by jwt instead of api-key (issuer: https://id.example.com, clockTolerance: 5s, consumer: sub, forward: true, requireExp: true, insecure: false)',
    ],
    [
      'api-key',
      `any: [api-key, jwt: { ${jwt} }]`,
      'jwt is one more way in (issuer: https://id.example.com, clockTolerance: 5s, consumer: sub, forward: true, requireExp: true, insecure: false) [weaker-auth]',
    ],
    ['any: [api-key, api-key: { header: x-b }]', 'api-key', 'api-key is no way in any more'],
    [`jwt: { ${jwt}, audience: [a] }`, `jwt: { ${jwt}, audience: [a, b] }`, 'jwt audience: added b [weaker-auth]'],
    [`jwt: { ${jwt}, audience: [a, b] }`, `jwt: { ${jwt}, audience: [a] }`, 'jwt audience: removed b'],
    [`jwt: { ${jwt}, algorithms: [HS256] }`, `jwt: { ${jwt} }`, 'jwt algorithms: gone, was HS256 [weaker-auth]'],
    [
      `jwt: { ${jwt}, claims: { scope: [a] } }`,
      `jwt: { ${jwt} }`,
      'jwt claims: gone, was {"scope":["a"]} [weaker-auth]',
    ],
    [`jwt: { ${jwt} }`, `jwt: { ${jwt}, clockTolerance: 5m }`, 'jwt clockTolerance: 5s → 5m [weaker-auth]'],
    [`jwt: { ${jwt} }`, `jwt: { ${jwt}, requireExp: false }`, 'jwt requireExp: true → false [weaker-auth]'],
    ['api-key, acl: { groups: [a] }', 'api-key, acl: { groups: [a, b] }', 'acl groups: added b [weaker-auth]'],
    ['api-key, acl: { scopes: [a, b] }', 'api-key, acl: { scopes: [a] }', 'acl scopes: removed b [weaker-auth]'],
    ['api-key, acl: { groups: [a] }', 'api-key', 'acl is gone [weaker-auth]'],
    [
      'api-key, acl: { groups: [a] }',
      'api-key, acl: { groups: [a], mode: observe }',
      'acl only observes now: what it would refuse passes [weaker-auth]',
    ],
    ['api-key, acl: { groups: [a], mode: observe }', 'api-key', 'acl (observe) is gone'],
    [
      'api-key, ip-filter: { deny: [10.0.0.1] }',
      'api-key, ip-filter: { deny: [10.0.0.2] }',
      'ip-filter deny: added 10.0.0.2; removed 10.0.0.1 [weaker-auth]',
    ],
    [
      'api-key, rate-limit: { max: 5, window: 1m }',
      'api-key, rate-limit: { max: 6, window: 1m }',
      'rate-limit max: 5 → 6 [weaker-limits]',
    ],
    [
      'api-key, rate-limit: { max: 6, window: 1m }',
      'api-key, rate-limit: { max: 5, window: 1m }',
      'rate-limit max: 6 → 5',
    ],
    [
      'api-key, rate-limit: { max: 5, window: 1m }',
      'api-key, rate-limit: { max: 5, window: 1s }',
      'rate-limit window: 1m → 1s [weaker-limits]',
    ],
    ['api-key, rate-limit: { max: 5, window: 1m }', 'api-key', 'rate-limit is gone [weaker-limits]'],
    [
      'api-key, body-limit: { max: 1KiB }',
      'api-key, body-limit: { max: 1MiB }',
      'body-limit max: 1KiB → 1MiB [weaker-limits]',
    ],
    ['api-key', 'api-key, cache', 'cache is new (maxObject: 1MiB, maxTotal: 64MiB, shared: false)'],
    ['api-key, cors: { origins: ["*"] }', 'api-key', 'cors is gone'],
  ] as const)('from "%s" to "%s" is said in words', async ([before, after, expected]) => {
    const consumers = `consumers: { x: { groups: [a, b], keys: ["${key}"] } }\n`
    expect(await detailsOf(consumers + sorted(before), consumers + sorted(after))).toEqual([expected])
  })

  test('where amount and window both change, is judged by the rate', async () => {
    const limit = (max: number, window: string) => chain(`api-key, rate-limit: { max: ${max}, window: ${window} }`)

    expect(await detailsOf(limit(10, '1s'), limit(300, '1m'))).toEqual([
      'rate-limit max: 10 → 300',
      'rate-limit window: 1s → 1m',
    ])
    expect((await detailsOf(limit(300, '1m'), limit(10, '1s'))).filter((text) => text.includes('weaker'))).toHaveLength(
      2,
    )
  })

  test('of many routes is one change', async () => {
    const shared = (max: number) =>
      `plugins: [rate-limit: { max: ${max}, window: 1m }]\nroutes: { a: { match: /a, redirect: /x, public: t }, b: { match: /b, redirect: /x, public: t } }\n`

    const { stdout } = await diffOf(shared(5), shared(6))

    expect(stdout).toBe(`~ chain plugins  on _none, a, b
  ! rate-limit max: 5 → 6  [weaker-limits]

1 change; weakened: weaker-limits (1).
`)
  })
})

/** cors stands above authenticators. */
function sorted(items: string): string {
  const cors = 'cors: { origins: ["*"] }'
  return items.includes(cors) ? chain(`${cors}, ${items.replace(`, ${cors}`, '')}`) : chain(items)
}

describe('a route', () => {
  test('with another name and the same match is told as renamed', async () => {
    const route = (name: string, path: string) => `routes: { ${name}: { match: ${path}, redirect: /x, public: t } }\n`

    expect((await diffOf(route('a', '/a'), route('b', '/a'))).stdout).toContain('~ route a is now called b\n')
    expect((await diffOf(route('a', '/a'), route('a', '/b'))).stdout).toContain('    matches /b instead of /a\n')
  })

  test('that becomes public fails what watches for it, and nothing else', async () => {
    const open = 'routes: { a: { match: /a, upstream: "builtin://echo", public: "test" } }\n'

    expect((await diffOf(chain('api-key'), open, '--fail-on', 'new-public')).code).toBe(1)
    expect((await diffOf(chain('api-key'), open, '--fail-on', 'weaker-auth,weaker-limits')).code).toBe(1)
    expect((await diffOf(chain('api-key'), open, '--fail-on', 'weaker-limits')).code).toBe(0)
    expect((await diffOf(open, chain('api-key'), '--fail-on', 'new-public,weaker-auth')).code).toBe(0)
  })

  test('that goes, and leaves its requests to a public one, weakens authentication', async () => {
    const site = '  site: { match: "/*", redirect: /x, public: t }\n'
    const admin = '  admin: { match: { paths: ["/admin/*"], methods: [POST] }, redirect: /x, plugins: [api-key] }\n'

    const details = await detailsOf(`routes:\n${site}${admin}`, `routes:\n${site}`)

    expect(details).toEqual([
      'was POST /admin/*',
      'POST /admin/1 needed credentials, and now reaches site, which asks for none [weaker-auth]',
    ])
  })

  test('that goes and leaves nothing behind weakens nothing', async () => {
    expect(await detailsOf(chain('api-key'), 'routes: {}\n')).toEqual(['was /a'])
  })
})

describe('settings', () => {
  const route = 'routes: { a: { match: /a, redirect: /x, public: t } }\n'
  const consumer = (life: string) => `consumers: { x: { keys: [{ hash: "${key}", id: first${life} }] } }\n${route}`

  test.for([
    ['limits: { headers: 50 }\n', 'limits: { headers: 60 }\n', 'limits.headers: 50 → 60 [weaker-limits]'],
    ['shutdown: { delay: 1s }\n', 'shutdown: { delay: 90s }\n', 'shutdown.delay: 1s → 90s'],
    ['', 'trustedProxies: [10.0.0.0/8]\n', 'trustedProxies.from: added 10.0.0.0/8 [weaker-auth]'],
    [
      `admin: { url: "http://127.0.0.1:9090", token: "\${env:TOKEN}" }\n`,
      '',
      'admin.token: gone, was (secret) [weaker-auth]',
    ],
    ['', 'upstreams: { o: "http://10.0.0.1:80" }\n', 'targets: http://10.0.0.1:80'],
    [
      'tests: [{ request: GET /a, expect: { status: 307 } }]\n',
      '\ntests: [{ request: GET /a, expect: { status: 307 } }, { request: GET /b, expect: { status: 404 } }]\n',
      'tests: added GET /b',
    ],
  ] as const)('from "%s" to "%s" are said in words', async ([before, after, expected]) => {
    expect(await detailsOf(before + route, after + route)).toEqual([expected])
  })

  test('of a key that lives longer weaken authentication', async () => {
    const details = await detailsOf(consumer(', expires: 2990-01-01'), consumer(''))

    expect(details).toEqual(['key first no longer expires [weaker-auth]'])
  })
})

test('shows no secret: neither one written down nor what a placeholder stands for', async () => {
  const with_ = (secret: string, header: string) =>
    chain(`jwt: { issuer: x, secret: "${secret}" }, headers: { request: { set: { x-y: "${header}" } } }`)

  const { stdout } = await diffOf(with_('b'.repeat(32), 'plain'), with_('c'.repeat(32), `\${env:TOKEN}`))

  expect(stdout).toBe(`~ route a
    jwt secret: another value
    headers request.set.x-y: plain → \${env:TOKEN}

1 change.
`)
})

test('says what a reload keeps, and a reload keeps it', async () => {
  const limit = (max: number, window: string) =>
    chain(`rate-limit: { max: ${max}, window: ${window}, by: ip }`, 'public: t,')
  const kept = JSON.parse((await diffOf(limit(1, '1h'), limit(2, '1h'), '--json')).stdout).reload.counters
  const lost = JSON.parse((await diffOf(limit(2, '1h'), limit(2, '2h'), '--json')).stdout).reload.counters

  await using gateway = await startGateway(limit(1, '1h'))
  await gateway.fetch('/a')
  await gateway.reload(limit(2, '1h'))
  const remaining = (await gateway.fetch('/a')).headers.get('ratelimit')
  await gateway.reload(limit(2, '2h'))
  const anew = (await gateway.fetch('/a')).headers.get('ratelimit')

  expect(kept).toEqual({ carried: ['rate-limit of routes.a, by ip, 1h'], dropped: [], fresh: [] })
  expect(remaining).toContain('r=0')
  expect(lost).toMatchObject({ carried: [], dropped: ['rate-limit of routes.a, by ip, 1h'] })
  expect(anew).toContain('r=1')
})

test('refuses a config that does not load, a missing file and a word it does not know', async () => {
  expect(await diffOf(chain('api-key'), chain('api-kee'))).toMatchObject({ code: 1, stdout: '' })
  expect(await run('old.yaml', 'none.yaml')).toMatchObject({ code: 1, stdout: '' })
  expect(await run('old.yaml')).toMatchObject({ code: 2, stdout: '' })
  // As the empty variable of a pipeline.
  expect(await run('old.yaml', 'old.yaml', '--fail-on', '')).toMatchObject({ code: 2, stdout: '' })
  expect(await run('old.yaml', 'old.yaml', '--fail-on', 'weaker')).toEqual({
    code: 2,
    stdout: '',
    stderr: `--fail-on takes weaker-auth, weaker-limits, new-public; "weaker" is none of them
usage: sluice diff OLD NEW [--json] [--fail-on weaker-auth,weaker-limits,new-public] [--no-plugins]
`,
  })
})
