import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { runCheck } from '../../src/commands/check.ts'
import { runImport } from '../../src/commands/import.ts'
import { loadConfig } from '../../src/config/load.ts'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { shownBy } from '../support/shown.ts'

const cwd = mkdtempSync(join(tmpdir(), 'sluice-import-'))
afterAll(() => rmSync(cwd, { recursive: true }))

async function imported(format: string, text: string | Buffer, ...args: string[]) {
  writeFileSync(join(cwd, 'source'), text)
  return shownBy(runImport, [format, 'source', ...args], { cwd })
}

/** The routes of the result: what they match, who may use them, and what they do. */
async function routesOf(format: string, text: string) {
  const { code, stdout } = await imported(format, text)
  expect(code).toBe(0)
  writeFileSync(join(cwd, 'gateway.yaml'), stdout)
  const { config } = await loadConfig(join(cwd, 'gateway.yaml'), { env: {} })
  return config!.routes.map(({ match, chain, action, public: reason }) => {
    const items = chain.map((item) => (item.kind === 'any' ? 'any' : item.plugin.name)).slice(2)
    const hosts = (match.hosts ?? ['']).join(',')
    const does = action.kind === 'respond' ? action.status : items.join(' ')
    return `${match.methods?.join(',') ?? '*'} ${hosts}${match.paths.map((path) => path.text).join(',')} ${does}${reason === undefined ? '' : ' public'}`
  })
}

const kong = (routes: string, more = '') => `_format_version: "3.0"
services: [{ name: s, url: "http://10.0.0.1:3000", routes: ${routes} }]
${more}
`

describe('a route of Kong', () => {
  test.for([
    ['is public without authenticator', '[{ paths: [/a] }]', '', ['* /a/*  public']],
    [
      'keeps hosts and methods',
      '[{ hosts: ["*.a.com"], methods: [GET], paths: [/a] }]',
      '',
      ['GET *.a.com/a/*  public'],
    ],
    ['with key-auth asks for keys', '[{ paths: [/a], plugins: [{ name: key-auth }] }]', '', ['* /a/* api-key']],
    [
      'has plugins of all',
      '[{ paths: [/a] }]',
      'plugins: [{ name: key-auth }, { name: acl, config: { whitelist: [x] } }]',
      ['* /a/* api-key acl'],
    ],
    [
      'is closed with a plugin that is not known',
      '[{ paths: [/a], plugins: [{ name: oauth2 }] }]',
      '',
      ['* /a/* 503 public'],
    ],
    [
      'answers what request-termination does, below what asks for keys',
      '[{ paths: [/a], plugins: [{ name: request-termination, config: { status_code: 403, message: No } }, { name: key-auth }] }]',
      '',
      ['* /a/* 403'],
    ],
    [
      'is closed where request-termination answers only some',
      '[{ paths: [/a], plugins: [{ name: request-termination, config: { trigger: x } }] }]',
      '',
      ['* /a/* 503 public'],
    ],
    [
      'is closed where acl says who may not',
      '[{ paths: [/a], plugins: [{ name: key-auth }, { name: acl, config: { deny: [x] } }] }]',
      '',
      ['* /a/* 503 public'],
    ],
    [
      'is closed with tokens that nothing verifies',
      '[{ paths: [/a], plugins: [{ name: jwt }] }]',
      '',
      ['* /a/* 503 public'],
    ],
    [
      'ignores a plugin that is off',
      '[{ paths: [/a], plugins: [{ name: oauth2, enabled: false }] }]',
      '',
      ['* /a/*  public'],
    ],
    ['ignores what only watches', '[{ paths: [/a], plugins: [{ name: http-log }] }]', '', ['* /a/*  public']],
    [
      'stays closed to anonymous requests',
      '[{ paths: [/a], plugins: [{ name: key-auth, config: { anonymous: x } }] }]',
      '',
      ['* /a/* api-key'],
    ],
    [
      'has a limit for each period',
      '[{ paths: [/a], plugins: [{ name: rate-limiting, config: { second: 1, hour: 5 } }] }]',
      '',
      ['* /a/* rate-limit rate-limit public'],
    ],
    ['filters by source', '[{ paths: [/a], sources: [{ ip: 10.0.0.0/8 }] }]', '', ['* /a/* ip-filter public']],
    ['is closed by the ports of sources', '[{ paths: [/a], sources: [{ port: 1 }] }]', '', ['* /a/* 503 public']],
    ['takes simple regular expressions', "[{ paths: ['~/a/(?<id>[0-9]+)/b$'] }]", '', ['* /a/{id}/b  public']],
    [
      'is left out where nothing of it can be matched',
      "[{ paths: ['~/a.*b'] }, { paths: [/c] }]",
      '',
      ['* /c/*  public'],
    ],
    [
      'keeps what it cannot match from others where it asked who calls',
      "[{ paths: ['~/admin/.*[.]php$'], plugins: [{ name: key-auth }] }, { paths: [/] }]",
      '',
      ['* /admin/* 503 public', '* /*  public'],
    ],
    [
      'closes an open one that matches the same',
      "[{ paths: ['~/.*[.]php$'], plugins: [{ name: key-auth }] }, { paths: [/] }]",
      '',
      ['* /* 503 public'],
    ],
  ] as const)('%s', async ([, routes, more, expected]) => {
    expect(await routesOf('kong', kong(routes, more))).toEqual(expected)
  })

  test('of a service with an address that is none is closed', async () => {
    const text =
      'services: [{ name: s, url: "http://$HOST:99/x", routes: [{ paths: [/a] }] }]\n_format_version: "2.1"\n'

    expect(await routesOf('kong', text)).toEqual(['* /a/* 503 public'])
  })
})

test('a config from Kong serves: keys are hashes, prefixes are taken off, targets are used', async () => {
  await using origin = await startOrigin()
  const { stdout } = await imported(
    'kong',
    `_format_version: "1.1"
services:
- name: orders
  host: orders-upstream
  path: /api
  plugins: [{ name: key-auth, config: { hide_credentials: true } }, { name: acl, config: { allow: [partners] } }]
  routes: [{ name: orders, paths: [/v1/orders], methods: [GET] }]
upstreams: [{ name: orders-upstream, targets: [{ target: "127.0.0.1:${origin.port}", weight: 10 }] }]
consumers:
- { username: shop, keyauth_credentials: [{ key: "a-\${KEY}" }], acls: [{ group: partners }] }
- { username: other, keyauth_credentials: [{ key: another }] }
- { username: banned, keyauth_credentials: [{ key: banned }], plugins: [{ name: request-termination }] }
`,
  )
  await using gateway = await startGateway(stdout.replace(/^listen:.*\n/m, '').replace('\n  - access-log', ''))
  const status = async (key?: string) =>
    (await gateway.fetch('/v1/orders/7?q=1', key === undefined ? {} : { headers: { apikey: key } })).status

  // biome-ignore lint/suspicious/noTemplateCurlyInString: a key that looks like a placeholder.
  expect([await status(), await status('another'), await status('banned'), await status('a-${KEY}')]).toEqual([
    401, 403, 401, 200,
  ])
  expect(origin.requests.map(({ url, headers }) => [url, headers['apikey']])).toEqual([['/api/7?q=1', undefined]])
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the same key.
  await (await gateway.fetch('/v1/orders', { headers: { apikey: 'a-${KEY}' } })).text()
  expect(origin.requests.at(-1)!.url).toBe('/api')
  expect(stdout).not.toContain('another')
})

const openapi = (operation: string, more = '') => `openapi: 3.1.0
servers: [{ url: "https://{host}/v1", variables: { host: { default: api.example.com } } }]
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-Key }
    cookie: { type: apiKey, in: cookie, name: sid }
    bearer: { type: http, scheme: bearer }
    login: { type: oauth2, flows: {} }
paths: { "/pets/{pet-id}": { get: { operationId: one ${operation} } } }
${more}
`

// biome-ignore lint/suspicious/noTemplateCurlyInString: as files of Kong have it.
test.for(['$ANON_KEY', '${ANON_KEY}', '{{ anon_key }}', '{vault://env/anon-key}', '__ANON_KEY__', '<your key>'])(
  'no placeholder becomes a key or a secret: %s',
  async (placeholder) => {
    const text = `_format_version: "2.1"
services: [{ name: s, url: "http://10.0.0.1:3000", plugins: [{ name: jwt }], routes: [{ name: a, paths: [/a] }] }]
consumers:
  - username: anon
    keyauth_credentials: [{ key: "${placeholder}" }, { key: a-real-key }]
    jwt_secrets: [{ key: anon, secret: "${placeholder}", algorithm: HS256 }]
`

    const { code, stdout, stderr } = await imported('kong', text)

    expect(code).toBe(0)
    expect(stdout.match(/sha256:/g)).toHaveLength(1)
    expect(stdout).not.toContain('secret:')
    expect(stderr).toContain('closed (answers 503): a: no token could be verified')
    expect(stderr).toContain('the secret of anon is a placeholder')
    expect(stderr).toContain(
      `consumer anon: the key ${placeholder} is a placeholder, and is left out: write the hash of the real one`,
    )
  },
)

describe('an operation of OpenAPI', () => {
  test.for([
    ['asks for a key where the document says nothing', '', '', ['GET /v1/pets/{pet_id} api-key']],
    ['is public where no security applies', ', security: []', '', ['GET /v1/pets/{pet_id}  public']],
    ['asks for its key', ', security: [{ key: [] }]', '', ['GET /v1/pets/{pet_id} api-key']],
    ['asks for a token', ', security: [{ bearer: [] }]', '', ['GET /v1/pets/{pet_id} jwt']],
    ['asks for a key or a token', ', security: [{ bearer: [] }, { key: [] }]', '', ['GET /v1/pets/{pet_id} any']],
    ['asks for both', ', security: [{ login: [read], key: [] }]', '', ['GET /v1/pets/{pet_id} jwt api-key']],
    ['stays closed to anonymous requests', ', security: [{}, { key: [] }]', '', ['GET /v1/pets/{pet_id} api-key']],
    [
      'is closed by a scheme that is not known',
      ', security: [{ cookie: [] }]',
      '',
      ['GET /v1/pets/{pet_id} 503 public'],
    ],
    ['has the security of the whole', '', 'security: [{ bearer: [] }]', ['GET /v1/pets/{pet_id} jwt']],
  ] as const)('%s', async ([, operation, more, expected]) => {
    expect(await routesOf('openapi', openapi(operation, more))).toEqual(expected)
  })

  test('of Swagger 2.0 goes to its host', async () => {
    const text = JSON.stringify({
      swagger: '2.0',
      host: 'api.example.com',
      basePath: '/v2',
      schemes: ['http', 'https'],
      securityDefinitions: { key: { type: 'apiKey', in: 'query', name: 'api_key' } },
      security: [{ key: [] }],
      paths: { '/a/{x}.json': { get: {}, post: { security: [] } }, '/b': { parameters: [], put: {} } },
    })

    expect(await routesOf('openapi', text)).toEqual([
      'GET /v2/a/{x_json} api-key',
      'PUT /v2/b api-key',
      'POST /v2/a/{x_json}  public',
    ])
    expect(readFileSync(join(cwd, 'gateway.yaml'), 'utf8')).toContain('api: https://api.example.com\n')
  })
})

test('writes a file that check finds right, and never over one that is there', async () => {
  const first = await imported('kong', kong('[{ name: a, paths: [/a] }]'), '--output', 'made.yaml')
  const again = await imported('kong', kong('[{ paths: [/b] }]'), '--output', 'made.yaml')

  expect(first).toEqual({ code: 0, stdout: '', stderr: 'imported: 1 route, 1 upstream, 0 consumers\npublic: a\n' })
  expect(again).toEqual({ code: 1, stdout: '', stderr: 'made.yaml is there already: remove it first\n' })
  expect((await shownBy(runCheck, ['--config', 'made.yaml'], { cwd })).code).toBe(0)
})

/** Ten lists, each of ten of the one above. */
const aliases = ['a', ...'bcdefghij']
  .map((name, i, all) => `${name}: &${name} [${Array(10).fill(i === 0 ? 'x' : `*${all[i - 1]}`)}]`)
  .join('\n')

test.for([
  ['kong', '{', /^source:1:2 {2}/],
  ['kong', '[]', /^source holds no map of settings\n$/],
  ['kong', 'routing: {}', /^this is no declarative file of Kong/],
  ['kong', 'services: 5', /^`services` is a list in a declarative file of Kong/],
  ['kong', `consumers: [{ username: a, key: \${{ env "DECK_KEY" }} }]`, /^source:1:\d+ {2}.*\$\{\{ … \}\}: write what/],
  ['kong', Buffer.from([0xff, 0xfe, 0x72]), /^source is not UTF-8\n$/],
  ['kong', 'services: []\n"": "a\0', /^source:2:\d+ {2}.{1,160}\n$/],
  ['kong', '['.repeat(20_000), /^source is nested too deeply\n$/],
  ['openapi', `{"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, /^source is nested too deeply\n$/],
  ['kong', aliases, /^source: its aliases stand for too much\n$/],
  ['openapi', 'paths: {}', /^this is no OpenAPI document/],
  ['openapi', '{ "openapi": "3.1.0", "paths": [] }', /^`paths` is a map/],
] as const)('%s of "%.30s" is refused in one line', async ([format, text, expected]) => {
  const { code, stdout, stderr } = await imported(format, text)

  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(expected)
})

test('a document as large as the largest published ones is imported within seconds, and its report is short', async () => {
  const schema = { type: 'object', properties: { id: { type: 'integer', description: 'x'.repeat(500) } } }
  const operation = { responses: { 200: { content: { 'application/json': { schema } } } } }
  const paths = Object.fromEntries(
    Array.from({ length: 800 }, (_, i) => [`/repos/{owner}/things-${i}/{id}`, { get: operation, post: operation }]),
  )
  const components = Array.from({ length: 10_000 }, () => schema)
  const before = process.cpuUsage()

  const { code, stderr } = await imported('openapi', JSON.stringify({ openapi: '3.0.3', paths, components }))

  // As YAML the ten megabytes alone would take longer than all of it.
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(8)
  expect(code).toBe(0)
  expect(stderr.split('\n')).toHaveLength(5)
  expect(stderr).toMatch(/^\S+, \S+, \S+ and 797 more: the document does not say who may call this$/m)
})

test('an unknown format is a mistake of the command line', async () => {
  expect(await imported('knog', '')).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean "kong"?') })
})
