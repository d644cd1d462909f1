/** Of a large file, what nobody asks for stays as it was read: seen from outside, it is there like everything else. */
import { afterEach, describe, expect, test } from 'vitest'
import { isUnread } from '../../src/config/unread.ts'
import type { ConfigError } from '../../src/gateway-errors.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { manyRoutes } from '../support/large-file.ts'
import { startOrigin } from '../support/origin.ts'

/** So many that the file is read in a process of its own. */
const many = manyRoutes()

/** Says in this process, and not in the one that reads the file, how often it was set up. */
const counted = (traits: string, body = '') => `
export const traits = ${traits}
export const schema = { type: 'object', additionalProperties: false, properties: { text: { type: 'string' } } }
export default function mine(scope, { text }) {
  globalThis.setUp?.push(text)
  ${body}
  scope.addHook('onSend', (_, reply) => reply.headers.set('x-mine', text))
}
`
const ours = globalThis as { setUp?: string[]; fails?: boolean }

afterEach(() => {
  delete ours.setUp
  delete ours.fails
})

const readAs = ({ gateway }: TestGateway) => gateway.current.routes.filter(isUnread).length

async function json(gateway: TestGateway, path: string, method = 'GET'): Promise<unknown> {
  return (await fetch(gateway.adminUrl + path, { method })).json()
}

describe('of a large file', () => {
  test('targets that no request has asked for are shown, drained and taken back as in a small one', async () => {
    await using origin = await startOrigin()
    const upstreams = `upstreams:\n  a: { targets: ["${origin.url}", "${origin.url}/two"], breaker: {} }\n  b: "${origin.url}"\n`
    const text = `${upstreams}routes:\n  a: { match: /a, upstream: a, public: "test" }\n`
    await using small = await startGateway(text)
    await using large = await startGateway(text + many)
    const rows = async (gateway: TestGateway) =>
      (await gateway.metrics()).match(/^sluice_(?:upstream_target_up|breaker_state|upstream_connections)\{.*/gm)!.sort()

    expect(readAs(large)).toBe(301)
    expect(await rows(large)).toEqual(await rows(small))
    expect(await json(large, '/api/upstreams')).toEqual(await json(small, '/api/upstreams'))

    await json(large, '/api/upstreams/a/targets/0/drain', 'POST')
    for (let i = 0; i < 4; i++) await large.fetch('/a')
    expect(origin.requests.map(({ url }) => url)).toEqual(['/two/a', '/two/a', '/two/a', '/two/a'])
    await json(large, '/api/upstreams/a/targets/0/undrain', 'POST')
    for (let i = 0; i < 2; i++) await large.fetch('/a')
    expect(origin.requests.slice(4).map(({ url }) => url)).toContain('/a')
  })

  test('an upstream that changes a little keeps its connections, and a breaker that opened stays open', async () => {
    let connections = 0
    await using origin = await startOrigin((request, response) => {
      response.writeHead(request.url === '/bad' ? 500 : 200, { 'content-length': 0 }).end()
    })
    origin.server.on('connection', () => connections++)
    const text = (balance: string) => `upstreams:
  kept: { targets: ["${origin.url}"], balance: ${balance} }
  broken: { targets: ["${origin.url}/"], balance: ${balance}, breaker: { failures: 1, open: 1h } }
routes:
  a: { match: /a, upstream: kept, public: "test" }
  bad: { match: /bad, upstream: broken, public: "test" }
${many}`
    await using gateway = await startGateway(text('random'))
    await gateway.fetch('/a')
    await gateway.fetch('/bad')
    const before = connections

    expect(await gateway.reload(text('least-connections'))).toMatchObject({ ok: true, changed: true })

    expect((await gateway.fetch('/a')).status).toBe(200)
    expect((await gateway.fetch('/bad')).status).toBe(503)
    expect(connections).toBe(before)
  })

  test('a lazy plugin is set up by the first request of its route, once, and taken over by the next config', async () => {
    ours.setUp = []
    const text = (more: string) => `routes:
  a: { match: /a, respond: { status: 200 }, public: "test", plugins: [{ ./mine.mjs: { text: a } }] }
  b: { match: /b, respond: { status: 200 }, public: "test", plugins: [{ ./mine.mjs: { text: b } }] }
${many}${more}`
    await using gateway = await startGateway(text(''), { files: { 'mine.mjs': counted('{ lazy: true }') } })
    expect(ours.setUp).toEqual([])

    for (let i = 0; i < 3; i++) expect((await gateway.fetch('/b')).headers.get('x-mine')).toBe('b')
    expect(ours.setUp).toEqual(['b'])

    await gateway.reload(text('  more: { match: /more, respond: { status: 200 }, public: "test" }\n'))
    expect((await gateway.fetch('/b')).headers.get('x-mine')).toBe('b')
    expect((await gateway.fetch('/more')).status).toBe(200)
    expect(ours.setUp).toEqual(['b'])
  })

  test('what requests and reloads come and go by, is held as long as it is served', async () => {
    await using origin = await startOrigin()
    const text = (revision: number) => `upstreams: { u: "${origin.url}" }
plugins: [{ headers: { response: { set: { x-r: "${revision % 2}" } } } }]
routes:
${Array.from({ length: 6 }, (_, i) => `  a${i}: { match: "/a${i}", upstream: ${i % 2 === 0 ? 'u' : `"${origin.url}/${i}-${revision % 3}"`}, public: "test", plugins: [{ rate-limit: { max: ${i === 2 ? revision + 10 : 9}, window: 1h } }] }\n`).join('')}${many}`
    await using gateway = await startGateway(text(0))
    for (let revision = 1; revision <= 3; revision++) {
      for (let i = 0; i < 6; i++) if ((revision * 5 + i) % 3 !== 0) await gateway.fetch(`/a${i}`)
      expect(await gateway.reload(text(revision))).toMatchObject({ ok: true })
    }
    const paths = ['/a0', '/a1', '/a2']
    // A config of nothing else: what follows begins anew.
    await gateway.reload(`routes:\n${many}`)
    await gateway.reload(text(4))
    for (const path of paths) expect((await gateway.fetch(path)).headers.get('x-r')).toBe('0')

    await using fresh = await startGateway(text(4))
    for (const path of paths) await fresh.fetch(path)
    const held = await fresh.gateway.ask('carried', null)
    await expect.poll(() => gateway.gateway.ask('carried', null)).toEqual(held)
  })

  test('a plugin that cannot be set up when it is asked for is a 500, told in the log, until it can', async () => {
    const files = { 'mine.mjs': counted('{ lazy: true }', "if (globalThis.fails) throw new Error('not today')") }
    const text = `routes:\n  a: { match: /a, respond: { status: 200 }, public: "test", plugins: [{ ./mine.mjs: { text: a } }] }\n${many}`
    await using gateway = await startGateway(text, { files })
    ours.fails = true

    const failed = await gateway.fetch('/a')

    expect([failed.status, ((await failed.json()) as { code: string }).code]).toEqual([500, 'plugin-failed'])
    expect(JSON.stringify(gateway.log)).toContain('not today')
    ours.fails = false
    expect((await gateway.fetch('/a')).headers.get('x-mine')).toBe('a')
  })

  test('a lazy plugin that keeps something, takes its time or will not be set up is refused, at the start and later', async () => {
    const bodies = {
      'carries.mjs': "scope.carry('x', () => ({}))",
      'closes.mjs': 'scope.onClose(() => {})',
      'waits.mjs': 'return Promise.resolve()',
      'throws.mjs': "throw new Error('no such text')",
      'nothing.mjs': 'throw null',
    }
    const files = Object.fromEntries(
      Object.entries(bodies).map(([name, body]) => [name, counted('{ lazy: true }', body)]),
    )
    const plugins = Object.keys(files).map((name) => `./${name}`)
    const text = `# one line more\nplugins: [${plugins.join(', ')}]\nroutes:\n${many}`
    const expected = [
      /its traits say `lazy`: it can keep and close nothing/,
      /its traits say `lazy`: it can keep and close nothing/,
      /its traits say `lazy`: it must be ready at once/,
      /no such text/,
      /null/,
    ].map((message, i) => ({
      code: 'plugin-failed',
      path: `plugins/${plugins[i]}#0`,
      message: expect.stringMatching(message),
    }))

    const started = (await startGateway(text, { files }).catch((error: unknown) => error)) as ConfigError
    expect(started.diagnostics).toMatchObject(expected)

    await using gateway = await startGateway(`routes:\n${many}`, { files })
    expect(await gateway.reload(text)).toMatchObject({ ok: false, diagnostics: expected })
    expect((await gateway.fetch('/r1/1')).status).toBe(200)
    // A small file is refused for the first of them alone.
    for (const [i, plugin] of plugins.entries()) {
      const small = await gateway.reload(
        `plugins: [${plugin}]\nroutes: { a: { match: /a, respond: { status: 200 }, public: "test" } }\n`,
      )
      expect(small).toMatchObject({ ok: false, diagnostics: [expected[i]] })
    }
  })

  test('options that only a plugin itself finds wrong are refused where they stand, all at once', async () => {
    const wrong = `  a: { match: /a, respond: { status: 200 }, public: "test", plugins: [{ headers: { request: { set: { host: x } } } }] }
  b: { match: /b, respond: { status: 200 }, public: "test", plugins: [{ rate-limit: { max: 1, window: 0s } }] }
`
    await using gateway = await startGateway(`routes:\n${many}`)

    const result = await gateway.reload(`routes:\n${wrong}${many}`)

    expect(result).toMatchObject({
      ok: false,
      diagnostics: [
        { code: 'plugin-failed', path: 'routes.a/headers#0', at: { line: 5 } },
        { code: 'plugin-failed', path: 'routes.b/rate-limit#0', at: { line: 6 } },
      ],
    })
  })

  test('a worker that takes the place of another is given parts that nobody has read', async () => {
    await using origin = await startOrigin()
    const text = (more: string) =>
      `upstreams: { u: "${origin.url}" }\nroutes:\n  a: { match: "/a/*", upstream: u, public: "test", plugins: [{ rate-limit: { max: 1000, window: 1h } }, ./ends.mjs] }\n${more}${many}`
    const ends = `export const traits = {}
export const schema = { type: 'object', additionalProperties: false, properties: {} }
export default function ends(scope) { scope.addHook('onRequest', ({ exchange }) => { if (exchange.facts.path === '/a/end') process.exit(1) }) }
`
    await using gateway = await startGateway(text(''), { threads: 2, files: { 'ends.mjs': ends } })
    await gateway.reload(text('  more: { match: "/more/{id}", respond: { status: 201 }, public: "test" }\n'))
    await gateway.fetch('/a/end').catch(() => {})

    await expect.poll(() => gateway.metrics()).toContain('sluice_worker_restarts_total 1')
    await expect.poll(() => gateway.gateway.isReady).toBe(true)
    const asked = Array.from({ length: 12 }, async () => {
      const headers = { connection: 'close' }
      const answers = [
        gateway.fetch('/a/1', { headers }),
        gateway.fetch('/more/1', { headers }),
        gateway.fetch('/r299/1', { headers }),
      ]
      return (await Promise.all(answers)).map(({ status }) => status)
    })
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 12 }, () => [200, 201, 200]))
    expect(readAs(gateway)).toBe(302)
  })
})
