import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { runExplain } from '../../src/commands/explain.ts'
import type { Explanation } from '../../src/explain/explanation.ts'
import { shownBy } from '../support/shown.ts'

const cwd = mkdtempSync(join(tmpdir(), 'sluice-explain-'))
afterAll(() => rmSync(cwd, { recursive: true }))

const hash = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`
const env = { TOKEN: 'the-token-of-the-upstream', HOST_OF_ORDERS: 'orders.secret.internal' }

writeFileSync(
  join(cwd, 'gateway.yaml'),
  `listen: { outside: http://127.0.0.1:8080, inside: http://127.0.0.1:8081 }
trustedProxies: [10.0.0.0/8]
consumers:
  app: { groups: [mobile], keys: ["${hash('app-key')}"] }
upstreams:
  orders: ["http://\${env:HOST_OF_ORDERS}:3000"]
routes:
  orders:
    match: GET api.example.com/orders/*
    upstream: orders
    plugins:
      - any: [api-key: { query: key }, jwt: { issuer: https://id.example.com, jwks: https://id.example.com/keys }]
      - acl: { groups: [mobile], mode: observe }
      - rate-limit: { max: 5, window: 1m, by: "header:x-api-key" }
      - cache
      - headers: { request: { set: { authorization: "Bearer \${env:TOKEN}" } } }
  gold:
    match: { paths: ["/orders/{id}"], hosts: [api.example.com], methods: [GET], headers: { x-tier: gold }, query: { v: "2" } }
    respond: { body: gold }
    public: shows conditions
  wide: { match: "*.example.com/orders/*", respond: { body: wide }, public: shows hosts }
  inner: { match: /orders/*, on: [inside], respond: { body: inner }, public: shows listeners }
  refused: { match: /closed, respond: { status: 403 }, public: nobody may }
`,
)
writeFileSync(join(cwd, 'bad.yaml'), 'routes: { a: { match: /a, upstrem: o, public: test } }\n')
writeFileSync(
  join(cwd, 'odd.yaml'),
  'routes: { a: { match: /a, redirect: /b, public: test, plugins: [ip-filter: { allow: ["10.0.0.0/40"] }] } }\n',
)
writeFileSync(
  join(cwd, 'plugins.yaml'),
  'routes: { a: { match: /a, redirect: /b, public: test, plugins: [./mine.ts] } }\n',
)
writeFileSync(join(cwd, 'mine.ts'), 'throw new Error("is not to be loaded")\n')

function run(...args: string[]) {
  return shownBy(runExplain, args, { cwd, env })
}

async function explained(...args: string[]): Promise<Explanation> {
  const { code, stdout, stderr } = await run(...args, '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

describe('the candidates', () => {
  const losses = ({ candidates }: Explanation) =>
    candidates.map(({ route, lost }) => `${route} ${lost === null ? '✓' : `${lost.stage}: ${lost.why}`}`)

  test.for<[string, string[], string[]]>([
    [
      'a condition that does not hold, and what is less specific',
      ['GET', 'api.example.com/orders/1'],
      [
        'gold conditions: its condition on header x-tier does not hold',
        'orders path: /orders/{id} is more specific',
        'wide host: host api.example.com is more exact, and has /orders/{id}',
        'inner listener: is only on inside, not outside',
      ],
    ],
    [
      'the winner, and who is for another method',
      ['POST', 'api.example.com/orders/1/items'],
      [
        'orders method: takes GET, not POST',
        'wide host: host api.example.com is more exact, and has /orders/*',
        'inner listener: is only on inside, not outside',
      ],
    ],
    [
      'routes of other hosts',
      ['GET', 'localhost/orders/1', '--listener', 'inside'],
      [
        'inner ✓',
        'gold host: is for host api.example.com, the request names localhost',
        'orders host: is for host api.example.com, the request names localhost',
        'wide host: is for host *.example.com, the request names localhost',
      ],
    ],
  ])('say why they lost: %s', async ([, args, expected]) => {
    expect(losses(await explained(...args))).toEqual(expected)
  })
})

describe('secrets', () => {
  test('of the file, of the request and of the answer are not in an explanation', async () => {
    const url = 'api.example.com/orders/1/a?key=app-key&token=tok-123456'
    const data = await run('GET', url, '-H', 'cookie: session-cookie', '--json')
    const text = await run('GET', url, '-H', 'cookie: session-cookie')

    expect([data.code, text.code]).toEqual([0, 0])
    for (const shown of [data.stdout, text.stdout]) {
      expect(shown).not.toMatch(/app-key|tok-123456|session-cookie|the-token-of|secret\.internal/)
    }
    const { upstream, consumer } = JSON.parse(data.stdout) as Explanation
    expect(consumer?.id).toBe('key:app')
    expect(upstream?.targets[0]).toEqual({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the config.
      target: 'http://${env:HOST_OF_ORDERS}:3000',
      host: 'api.example.com',
      line: 'GET /orders/1/a?token=(hidden) HTTP/1.1',
    })
    expect(upstream?.headers).toContainEqual({ name: 'authorization', value: '(hidden)', change: 'added' })
  })

  test('that a limit is counted by are not in it', async () => {
    const { plugins } = await explained('GET', 'api.example.com/orders/1/a', '-H', 'x-api-key: app-key')

    expect(plugins.find(({ plugin }) => plugin === 'rate-limit')?.inputs).toMatchObject({
      key: '(secret)',
      remaining: 4,
    })
  })
})

test('every plugin is listed in order, with what it decided and from what', async () => {
  const { plugins } = await explained('GET', 'api.example.com/orders/1/a', '--as', 'app')

  expect(plugins.map(({ plugin, verdict, reason, mode }) => [plugin, verdict, reason, mode])).toEqual([
    ['api-key', 'pass', 'assumed', 'enforce'],
    ['acl', 'pass', 'allowed', 'observe'],
    ['rate-limit', 'pass', 'within-limit', 'enforce'],
    ['cache', 'pass', 'uri-miss', 'enforce'],
    ['headers', 'pass', 'request-edited', 'enforce'],
  ])
  expect(plugins[3]!.inputs).toEqual({ key: 'GET http://api.example.com/orders/1/a', consumer: 'key:app' })
})

test('a token whose keys would have to be fetched is not judged, and that is said', async () => {
  const token = `${btoa('{"alg":"ES256","kid":"1"}').replaceAll('=', '')}.${btoa('{"sub":"1"}').replaceAll('=', '')}.AAAA`
  const { code, plugins, notSimulated } = await explained(
    'GET',
    'api.example.com/orders/1/a',
    '-H',
    `authorization: Bearer ${token}`,
  )

  expect(code).toBe('upstream-unavailable')
  expect(plugins.find(({ plugin }) => plugin === 'jwt')?.reason).toBe('keys-not-fetched')
  expect(notSimulated).toEqual(['jwt would fetch the keys of its issuer: say who asks instead, or what the token says'])
})

test('who the client is behind a trusted proxy', async () => {
  const { request } = await explained(
    'GET',
    'api.example.com/closed',
    '--ip',
    '10.0.0.1',
    '-H',
    'x-forwarded-for: 198.51.100.7',
  )

  expect([request.client, request.peer]).toEqual(['198.51.100.7', '10.0.0.1'])
})

test('a request without host is made for the one host that has such a path, or for none in particular', async () => {
  const several = await run('GET', '/orders/1')
  const any = await explained('GET', '/closed')

  expect(several).toMatchObject({ code: 2, stdout: '' })
  expect(several.stderr).toMatch(
    /^several hosts have a route for \/orders\/1: name one, api\.example\.com or \*\.example\.com\n/,
  )
  expect([any.request.host, any.status, any.verdict, any.decidedBy]).toEqual(['localhost', 403, 'answer', 'route'])
})

describe('the exit code', () => {
  test.for<[string, string[], number, RegExp]>([
    ['1 for a file with mistakes', ['GET', '/', '--config', 'bad.yaml'], 1, /bad\.yaml:1:27 {2}error {2}unknown-key/],
    ['1 for options that a plugin refuses', ['GET', '/', '--config', 'odd.yaml'], 1, /odd\.yaml:1:\d+ {2}error/],
    ['1 for a file that is not there', ['GET', '/', '--config', 'none.yaml'], 1, /cannot read none\.yaml/],
    ['2 for no URL', ['GET'], 2, /^URL is missing\nusage: /],
    ['2 for a header without a value', ['GET', '/', '-H', 'x'], 2, /"x" is no header/],
    ['2 for claims that are no map', ['GET', '/', '--claims', '[1]'], 2, /the claims are a JSON object/],
    ['2 for claims that are no JSON', ['GET', '/', '--claims', '{'], 2, /the claims are a JSON object/],
    ['2 for a body of no length', ['GET', '/', '--body', '1KB'], 2, /"1KB" is no number of bytes/],
    ['2 for an unknown consumer', ['GET', '/closed', '--as', 'apq'], 2, /did you mean "app"\?/],
    ['2 for an unknown option', ['GET', '/', '--frm', 'x'], 2, /Unknown option/],
  ])('is %s', async ([, args, code, message]) => {
    const result = await run(...args)

    expect(result).toMatchObject({ code, stdout: '' })
    expect(result.stderr).toMatch(message)
  })
})

test('without plugins of the user, theirs are named as not simulated and not loaded', async () => {
  const { notSimulated, status } = await explained('GET', '/a', '--no-plugins', '--config', 'plugins.yaml')

  expect(status).toBe(307)
  expect(notSimulated).toEqual(['./mine.ts runs, and is not simulated: it may refuse, answer or change what it sees'])
})
