import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { renderDiagnostics } from '../../src/config/diagnostic.ts'
import { type LoadedConfig, type LoadOptions, loadConfig, redactedSource } from '../../src/config/load.ts'
import { PluginCatalog } from '../../src/config/plugin-catalog.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-load-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

function write(text: string | Uint8Array): string {
  const file = join(folder, `${files++}.yaml`)
  writeFileSync(file, text)
  return file
}

async function accepted(text: string, options: LoadOptions = {}): Promise<LoadedConfig> {
  const result = await loadConfig(write(text), options)
  if (result.config === null) throw new Error(renderDiagnostics(result.diagnostics, result.document))
  return result
}

const route = 'routes: { a: { match: /a, upstream: "builtin://echo", public: test } }\n'

test('defaults are those of the contract', async () => {
  const { config } = await accepted(route)

  expect(config).toMatchObject({
    name: undefined,
    listeners: [{ name: 'listen[0]', protocol: 'http', host: '0.0.0.0', port: 8080 }],
    admin: { host: '127.0.0.1', port: 9090, token: undefined, hosts: [], metricsOpen: false },
    threads: 'auto',
    store: { kind: 'memory' },
    trustedProxies: { from: [], header: 'x-forwarded-for' },
    limits: {
      requestLine: 8192,
      headerBytes: 16_384,
      headers: 100,
      headTimeoutMs: 10_000,
      bodyIdleMs: 30_000,
      idleTimeoutMs: 75_000,
      connections: 10_000,
    },
    shutdown: { delayMs: 5000, deadlineMs: 30_000 },
    upstreams: [
      {
        name: 'builtin://echo',
        balance: { kind: 'round-robin' },
        panicThreshold: 0.5,
        timeouts: { connectMs: 2000, responseMs: 30_000, idleMs: 60_000 },
        connections: { max: 256, idleMs: 60_000, queue: 1024, queueTimeoutMs: 5000, tunnels: 10_000 },
        tls: { verify: true },
      },
    ],
  })
})

test('a long form that says one thing keeps the defaults of all others', async () => {
  const { config } = await accepted(
    `upstreams: { o: { targets: [http://a.internal], timeouts: { connect: 1s } } }\n${route}`,
  )

  expect(config.upstreams[0]).toMatchObject({
    timeouts: { connectMs: 1000, responseMs: 30_000 },
    connections: { queue: 1024 },
  })
})

test('the config is frozen through and through, and can be handed to a thread', async () => {
  const { config } = await accepted(`plugins: [metrics]\n${route}`)

  const open: string[] = []
  visit(config, 'config', (value, path) => Object.isFrozen(value) || open.push(path))
  expect(open).toEqual([])
  expect(structuredClone(config)).toEqual(config)
})

function visit(value: unknown, path: string, found: (value: object, path: string) => void): void {
  if (typeof value !== 'object' || value === null) return
  found(value, path)
  for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`, found)
}

test('an item of a named chain is one item for all routes, told apart only by what stands above it', async () => {
  const { config } = await accepted(`
chains: { limited: [rate-limit: { max: 5, window: 1m }] }
upstreams: { o: "builtin://echo" }
routes:
  a: { match: /a, upstream: o, plugins: [api-key, limited] }
  b: { match: /b, upstream: o, plugins: [api-key, limited] }
  c: { match: /c, upstream: o, plugins: [limited], public: test }
`)

  const [a, b, c] = config.routes.map(({ chain }) => chain.at(-1)!)
  expect(a).toMatchObject({ id: 'chains.limited/rate-limit#0', belowAuthenticator: true })
  expect(b).toBe(a)
  expect(c).toMatchObject({ id: 'chains.limited/rate-limit#0', belowAuthenticator: false })
})

test('items are numbered among those of their name in their list', async () => {
  const { config } = await accepted(`
plugins: [metrics]
routes:
  a:
    match: /a
    upstream: builtin://echo
    plugins: [api-key, rate-limit: { max: 5, window: 1s }, any: [api-key, api-key: { header: x-key }], rate-limit: { max: 50, window: 1m }]
`)

  const [{ chain }] = config.routes as [(typeof config.routes)[number]]
  expect(chain.map(({ id }) => id)).toEqual([
    'plugins/metrics#0',
    'routes.a/api-key#0',
    'routes.a/rate-limit#0',
    'routes.a/any#0',
    'routes.a/rate-limit#1',
  ])
  expect(chain[3]).toMatchObject({ members: [{ id: 'routes.a/any#0/api-key#0' }, { id: 'routes.a/any#0/api-key#1' }] })
})

test('`without` leaves global items and chains out by name', async () => {
  const { config } = await accepted(`
chains: { signed-in: [api-key] }
plugins: [metrics, signed-in, access-log]
upstreams: { o: "builtin://echo" }
routes:
  a: { match: /a, upstream: o }
  b: { match: /b, upstream: o, without: [signed-in, metrics], public: test }
`)

  expect(config.routes.map(({ chain }) => chain.map(({ id }) => id))).toEqual([
    ['plugins/metrics#0', 'chains.signed-in/api-key#0', 'plugins/access-log#0'],
    ['plugins/access-log#0'],
  ])
})

test('placeholders are filled in, and what they stood for is in the hash', async () => {
  const text = route.replace('public: test', () => `public: "\${env:WHY} $\${kept} \${env:NONE:-default}"`)
  const one = await accepted(text, { env: { WHY: 'because' } })
  const other = await accepted(text, { env: { WHY: 'for fun' } })

  expect(one.publicRoutes[0]?.reason).toBe(`because $\{kept} default`)
  expect(other.config.hash).not.toBe(one.config.hash)
  expect((await accepted(text, { env: { WHY: 'because' } })).config.hash).toBe(one.config.hash)
})

test('a file that a placeholder names loses one line break at its end', async () => {
  writeFileSync(join(folder, 'why.txt'), 'because\n\n')
  const { publicRoutes } = await accepted(route.replace('public: test', `public: "\${file:why.txt}"`))

  expect(publicRoutes[0]?.reason).toBe('because\n')
})

test('public routes and shared caches are listed with their places', async () => {
  const { publicRoutes, sharedCaches } = await accepted(
    `${route.replace(' }\n', '')}, b: { match: /b, upstream: "builtin://echo", plugins: [api-key, cache: { shared: true }] } }\n`,
    { shownAs: 'gateway.yaml' },
  )

  expect(publicRoutes).toEqual([
    { route: 'a', reason: 'test', at: { file: 'gateway.yaml', line: 1, column: 11, endColumn: 12 } },
  ])
  expect(sharedCaches).toMatchObject([{ route: 'b', at: { line: 1 } }])
})

test('the redacted text keeps placeholders and hashes, and nothing else that is secret', async () => {
  const hash = `sha256:${'a'.repeat(64)}`
  const { document } = await accepted(
    `# token: hunter2
admin: { url: http://127.0.0.1:9090, token: "hunter2-hunter2-hunter2" }
consumers: { shop: { keys: ["${hash}"] } }
upstreams: { o: "builtin://echo" }
routes:
  a:
    match: /a
    upstream: o
    plugins:
      - jwt: { issuer: me, secret: hunter2-hunter2-hunter2-hunter2-hunter2 }
      - headers: { request: { set: { authorization: "\${env:BASIC}" } } }
  b:
    match: /b
    upstream: o
    plugins:
      - jwt:
          issuer: me
          secret: |
            hunter2-hunter2-hunter2-hunter2-hunter2
          forward: false
  c: { match: /c, upstream: o, plugins: [jwt: { issuer: me, secret: "\${env:KEY}" }] }
  d: { match: /d, upstream: o, plugins: [jwt: { issuer: me, secret: "\${env:NONE:-hunter2-hunter2-hunter2-hunter2-hunter2}" }] }
`,
    { env: { BASIC: 'Basic aHVudGVyMg==', KEY: 'k'.repeat(40) } },
  )

  const shown = redactedSource(document)
  expect(shown).not.toContain('hunter2')
  expect(shown).toContain(hash)
  expect(shown).toContain(`authorization: "\${env:BASIC}"`)
  expect(shown).toContain(`secret: "\${env:KEY}"`)
  expect(shown).toContain('forward: false')
  expect(shown.split('\n').filter((line) => line.includes('<redacted>'))).toHaveLength(5)
})

test('a file that cannot be read is one finding', async () => {
  const missing = await loadConfig(join(folder, 'none.yaml'), { shownAs: 'none.yaml' })
  const notText = await loadConfig(write(new Uint8Array([0x61, 0xff, 0xfe])))
  const directory = await loadConfig(folder)

  expect(missing.diagnostics.map(({ message }) => message)).toEqual(['cannot read none.yaml: no such file'])
  expect(notText.diagnostics).toMatchObject([{ code: 'unreadable-file' }])
  expect(directory.diagnostics).toMatchObject([{ code: 'unreadable-file' }])
})

test('four thousand routes of one path load in time that grows with their number', async () => {
  const lines = Array.from(
    { length: 4000 },
    (_, index) => `  r${index}: { match: { paths: [/a], headers: { x-shop: s${index} } }, upstream: o, public: p }\n`,
  )
  const file = write(`upstreams: { o: "builtin://echo" }\nroutes:\n${lines.join('')}`)

  const started = process.cpuUsage()
  const { config } = await loadConfig(file)
  const { user } = process.cpuUsage(started)
  expect(config?.routes.length).toBe(4000)
  // Comparing each with each took over 3 s, and 20 s for ten thousand.
  expect(user / 1e6).toBeLessThan(3)
})

test('random edits of a valid file give diagnostics or a config, never an exception', async () => {
  const everything = readFileSync(join(import.meta.dirname, 'cases/everything-right.yaml'), 'utf8').split(
    '----------\n',
    1,
  )[0]!
  const catalog = new PluginCatalog()
  const file = write('')
  const bytes = fc.oneof(fc.constantFrom(...Buffer.from('\n\t {}[]:,&*!|>\'"%@`#$?-<~')), fc.nat(255))
  const edits = fc.array(fc.record({ at: fc.nat(), remove: fc.nat(12), insert: fc.array(bytes, { maxLength: 4 }) }), {
    minLength: 1,
    maxLength: 4,
  })

  await fc.assert(
    fc.asyncProperty(edits, async (changes) => {
      let text = Buffer.from(everything)
      for (const { at, remove, insert } of changes) {
        const start = at % text.length
        text = Buffer.concat([text.subarray(0, start), Buffer.from(insert), text.subarray(start + remove)])
      }
      writeFileSync(file, text)
      const result = await loadConfig(file, { env: {} }, catalog)
      const shown = renderDiagnostics(result.diagnostics, result.document)
      expect(result.config === null).toBe(/\d errors?[,.]/.test(shown))
      expect(redactedSource(result.document)).toBeTypeOf('string')
      for (const { at } of result.diagnostics)
        expect(at.line >= 1 && at.column >= 1 && at.endColumn > at.column).toBe(true)
    }),
    { numRuns: 200 },
  )
})

test('any bytes at all give diagnostics', async () => {
  const file = write('')
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
      writeFileSync(file, bytes)
      const { config, diagnostics } = await loadConfig(file)
      expect(config === null && diagnostics.length > 0).toBe(true)
    }),
    { numRuns: 60 },
  )
})
