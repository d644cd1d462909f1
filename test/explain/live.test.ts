import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Explanation } from '../../src/explain/explanation.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'

const hash = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`

async function ask(gateway: TestGateway, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${gateway.adminUrl}/api/explain`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

async function explained(gateway: TestGateway, body: unknown): Promise<Explanation> {
  const answer = await ask(gateway, body)
  expect(answer.status).toBe(200)
  return (await answer.json()) as Explanation
}

describe('POST /api/explain', () => {
  test('reads the counts of limits, and counts nothing', async () => {
    await using gateway = await startGateway(`
consumers: { shop: { keys: ["${hash('shop-key')}"] } }
routes:
  a: { match: /a, respond: { status: 200 }, plugins: [api-key, rate-limit: { max: 2, window: 1h }] }
`)
    const headers = { 'x-api-key': 'shop-key' }
    const request = { method: 'GET', url: '/a', as: 'shop' }

    const untouched = [await explained(gateway, request), await explained(gateway, request)]
    await gateway.fetch('/a', { headers })
    const once = await explained(gateway, request)
    await gateway.fetch('/a', { headers })
    const spent = await explained(gateway, request)
    const served = await gateway.fetch('/a', { headers })

    const remaining = (one: Explanation) =>
      one.plugins.find(({ plugin }) => plugin === 'rate-limit')?.inputs['remaining']
    expect([...untouched.map(remaining), remaining(once)]).toEqual([1, 1, 0])
    expect([spent.verdict, spent.status, spent.code, spent.decidedBy]).toEqual([
      'refuse',
      429,
      'rate-limited',
      'rate-limit',
    ])
    expect(served.status).toBe(429)
    expect(await gateway.metrics()).toMatch(/^sluice_ratelimit_decisions_total\{route="a",decision="deny"\} 1$/m)
    expect(await gateway.metrics()).toMatch(/^sluice_rejections_total\{.*plugin="rate-limit".*\} 1$/m)
  })

  test('says whether the cache has an answer, and asks no upstream', async () => {
    await using origin = await startOrigin()
    await using gateway = await startGateway(`
routes:
  a: { match: /a, upstream: "${origin.url}", public: test, plugins: [cache: { ttl: 1h }] }
`)
    const request = { method: 'GET', url: `127.0.0.1:${gateway.port}/a` }

    const before = await explained(gateway, request)
    await (await gateway.fetch('/a')).text()
    const after = await explained(gateway, request)

    expect([before.verdict, before.plugins[0]?.reason]).toEqual(['forward', 'uri-miss'])
    expect([after.verdict, after.status, after.decidedBy, after.plugins[0]?.reason]).toEqual([
      'answer',
      200,
      'cache',
      'hit',
    ])
    expect(origin.requests).toHaveLength(1)
  })

  test('knows the targets that take no requests', async () => {
    await using gateway = await startGateway(`
upstreams: { pair: [http://127.0.0.1:1, http://127.0.0.1:2] }
routes: { a: { match: /a, upstream: pair, public: test } }
`)
    await gateway.gateway.tell('target-state', {
      upstream: 'pair',
      target: 'http://127.0.0.1:1',
      draining: true,
    })

    const one = await explained(gateway, { method: 'GET', url: '/a' })
    await gateway.gateway.tell('target-state', {
      upstream: 'pair',
      target: 'http://127.0.0.1:2',
      draining: true,
    })
    const none = await explained(gateway, { method: 'GET', url: '/a' })

    expect([one.upstream?.targets.map(({ target }) => target), one.upstream?.leftOut]).toEqual([
      ['http://127.0.0.1:2'],
      ['http://127.0.0.1:1'],
    ])
    expect([none.status, none.code, none.decidedBy]).toEqual([503, 'upstream-unavailable', 'upstream'])
  })

  test('goes to the fallback where no target takes requests', async () => {
    await using gateway = await startGateway(`
upstreams:
  first: { targets: [http://127.0.0.1:1], fallback: second }
  second: [http://127.0.0.1:2]
routes: { a: { match: /a, upstream: first, public: test } }
`)
    const request = { method: 'GET', url: '/a' }

    const before = await explained(gateway, request)
    await gateway.gateway.tell('target-state', {
      upstream: 'first',
      target: 'http://127.0.0.1:1',
      draining: true,
    })
    const after = await explained(gateway, request)

    expect([before.upstream?.name, after.upstream?.name]).toEqual(['first', 'second'])
  })

  test('shows placeholders of the file, not what they stand for, after a reload too', async () => {
    const config = (name: string) => `
routes:
  a: { match: /a, upstream: "http://\${env:${name}}:1", public: test, plugins: [headers: { request: { set: { x-to: "\${env:${name}}" } } }] }
`
    await using gateway = await startGateway(config('ONE'), { env: { ONE: 'first.internal', TWO: 'second.internal' } })

    const before = await (await ask(gateway, { method: 'GET', url: '/a' })).text()
    await gateway.reload(config('TWO'))
    const after = await (await ask(gateway, { method: 'GET', url: '/a' })).text()

    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: placeholders of the config.
    expect([before.includes('${env:ONE}'), before.includes('first.internal')]).toEqual([true, false])
    expect([after.includes('${env:TWO}'), after.includes('second.internal')]).toEqual([true, false])
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: as above.
  })

  test('takes every part of a request', async () => {
    await using gateway = await startGateway(`
listen: { main: http://127.0.0.1:0, inside: http://127.0.0.1:0 }
consumers: { shop: { keys: ["${hash('shop-key')}"] } }
routes:
  a:
    match: { hosts: [a.example.com], paths: [/a], headers: { x-tier: [gold] } }
    on: [inside]
    respond: { status: 204 }
    plugins: [jwt: { issuer: https://id.example.com, secret: a-secret-of-32-bytes-or-even-more }, ip-filter: { allow: [10.0.0.0/8] }, body-limit: { max: 10B }]
`)
    const request = {
      method: 'POST',
      url: 'a.example.com/a',
      headers: { 'X-Tier': ['silver', 'gold'] },
      claims: { sub: '7' },
      ip: '10.1.1.1',
      listener: 'inside',
    }

    const [fits, large] = [
      await explained(gateway, { ...request, body: 10 }),
      await explained(gateway, { ...request, body: 11 }),
    ]

    expect([fits.status, fits.consumer?.id, fits.request.listener]).toEqual([
      204,
      'jwt:https://id.example.com#7',
      'inside',
    ])
    expect([large.status, large.decidedBy]).toEqual([413, 'body-limit'])
  })

  test.for<[unknown, string]>([
    [{}, 'method and url are needed, as text'],
    [[], 'the body is a JSON object with method and url'],
    [{ method: 'GET', url: '/', heads: {} }, 'there is no "heads": there is method, url, headers, as,'],
    [{ method: 'GET', url: '/', headers: { a: 1 } }, '"headers" is a map of names to text'],
    [{ method: 'GET', url: '/', body: '5' }, '"body" is a number of bytes'],
    [{ method: 'GET', url: '/', as: 'nobody' }, 'there is no consumer "nobody"'],
    [{ method: 'GET', url: 'ftp://a/' }, 'is none of /path'],
    [{ method: 'GET', url: '/', headers: { 'a b': 'c' } }, '"a b" is no header name'],
    ['{', 'The path or the JSON body is malformed.'],
  ])('refuses %j', async ([body, detail]) => {
    await using gateway = await startGateway('routes: { a: { match: /a, respond: { status: 204 }, public: test } }\n')

    const answer = await ask(gateway, body)

    const problem = (await answer.json()) as { code: string; detail: string }
    expect([answer.status, problem.code]).toEqual([400, 'bad-request'])
    expect(problem.detail).toContain(detail)
  })

  test('is guarded like the rest of the API', async () => {
    await using gateway = await startGateway(`
admin: { url: "http://127.0.0.1:0", token: a-token-of-sixteen-characters }
routes: { a: { match: /a, respond: { status: 204 }, public: test } }
`)
    const request = { method: 'GET', url: '/a' }

    const without = await ask(gateway, request)
    const from = await ask(gateway, request, {
      origin: 'https://evil.example',
      authorization: 'Bearer a-token-of-sixteen-characters',
    })
    const good = await ask(gateway, request, { authorization: 'Bearer a-token-of-sixteen-characters' })

    expect([without.status, from.status, good.status]).toEqual([401, 403, 200])
  })
})
