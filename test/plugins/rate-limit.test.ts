/** rate-limit through a running gateway: what is counted together, what clients are told, what reloads keep. */
import { expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'

interface RouteText {
  readonly name?: string
  readonly match?: string
  readonly limits: string
}

function yaml(origin: string, ...routes: readonly RouteText[]): string {
  const lines = routes.map(
    ({ name = 'orders', match = '/*', limits }) =>
      `  ${name}: { match: "${match}", upstream: origin, public: test, plugins: [${limits}] }`,
  )
  return `upstreams: { origin: ["${origin}"] }\nroutes:\n${lines.join('\n')}\n`
}

async function statuses(gateway: TestGateway, count: number, headers: Record<string, string> = {}): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < count; i++) found.push((await gateway.fetch('/', { headers })).status)
  return found
}

test('admits exactly so many requests per window, however many come at once', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(yaml(origin.url, { limits: 'rate-limit: { max: 20, window: 1h }' }))

  const answers = await Promise.all(Array.from({ length: 60 }, () => gateway.fetch('/')))

  expect(answers.filter((answer) => answer.status === 200)).toHaveLength(20)
  expect(answers.filter((answer) => answer.status === 429)).toHaveLength(40)
  expect(origin.requests).toHaveLength(20)
})

test('tells the limit, what remains and when the window ends; a refusal also when to come again', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(yaml(origin.url, { limits: 'rate-limit: { max: 1, window: 1m }' }))

  const admitted = await gateway.fetch('/')
  const refused = await gateway.fetch('/')

  expect(admitted.headers.get('ratelimit-policy')).toBe('"orders";q=1;w=60')
  expect(admitted.headers.get('ratelimit')).toBe('"orders";r=0;t=60')
  expect(admitted.headers.get('retry-after')).toBe(null)
  expect(refused.status).toBe(429)
  expect(refused.headers.get('ratelimit')).toMatch(/^"orders";r=0;t=(59|60)$/)
  expect(refused.headers.get('retry-after')).toMatch(/^(59|60)$/)
  expect(await refused.json()).toMatchObject({ code: 'rate-limited', status: 429 })
})

test('tells a client to wait at least a second', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(yaml(origin.url, { limits: 'rate-limit: { max: 1, window: 900ms }' }))

  await gateway.fetch('/')
  const refused = await gateway.fetch('/')

  expect(refused.headers.get('retry-after')).toBe('1')
})

test('admits again when the window of the first request has ended', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(yaml(origin.url, { limits: 'rate-limit: { max: 1, window: 2s }' }))

  expect(await statuses(gateway, 2)).toEqual([200, 429])

  await expect.poll(async () => (await gateway.fetch('/')).status, { interval: 20 }).toBe(200)
})

test('replaces the upstream’s own fields of these names', async () => {
  await using origin = await startOrigin((_, response) => response.setHeader('RateLimit', 'theirs').end())
  await using gateway = await startGateway(yaml(origin.url, { limits: 'rate-limit: { max: 9, window: 1m }' }))

  const answer = await gateway.fetch('/')

  expect(answer.headers.get('ratelimit')).toBe('"orders";r=8;t=60')
})

test('counts at every limit of a route in order until one refuses, and names each to the client', async () => {
  await using origin = await startOrigin()
  const limits =
    'rate-limit: { max: 9, window: 1h }, rate-limit: { max: 2, window: 1m }, rate-limit: { max: 9, window: 1d }'
  await using gateway = await startGateway(yaml(origin.url, { limits }))

  const first = await gateway.fetch('/')
  await gateway.fetch('/')
  const refused = await gateway.fetch('/')

  const names = [...first.headers.get('ratelimit-policy')!.matchAll(/"([^"]*)"/g)].map(([, name]) => name)
  expect(new Set(names).size).toBe(3)
  expect(first.headers.get('ratelimit')).toMatch(/^"orders";r=8;t=3600, "[^"]+";r=1;t=60, "[^"]+";r=8;t=86400$/)
  expect(refused.status).toBe(429)
  expect(refused.headers.get('ratelimit')).toMatch(/^"orders";r=6;t=3[56]\d\d, "[^"]+";r=0;t=(59|60)$/)
})

test('counts for itself in each route, and together where items share a counter', async () => {
  await using origin = await startOrigin()
  const own = 'rate-limit: { max: 1, window: 1h }'
  const joined = 'rate-limit: { max: 1, window: 1h, counter: all }'
  await using gateway = await startGateway(
    yaml(
      origin.url,
      { name: 'a', match: '/a', limits: own },
      { name: 'b', match: '/b', limits: own },
      { name: 'c', match: '/c', limits: joined },
      { name: 'd', match: '/d', limits: joined },
    ),
  )

  const found: number[] = []
  for (const path of ['/a', '/b', '/c', '/d']) found.push((await gateway.fetch(path)).status)

  expect(found).toEqual([200, 200, 200, 429])
})

test('counts one item of a chain over all its routes, and by route where it says so', async () => {
  await using origin = await startOrigin()
  const text = (by: string) => `
upstreams: { origin: ["${origin.url}"] }
chains: { limited: [rate-limit: { max: 1, window: 1h, by: ${by} }] }
routes:
  a: { match: /a, upstream: origin, public: test, plugins: [limited] }
  b: { match: /b, upstream: origin, public: test, plugins: [limited] }
`
  await using byIp = await startGateway(text('ip'))
  await using byRoute = await startGateway(text('route'))

  expect([(await byIp.fetch('/a')).status, (await byIp.fetch('/b')).status]).toEqual([200, 429])
  expect([(await byRoute.fetch('/a')).status, (await byRoute.fetch('/b')).status]).toEqual([200, 200])
})

test('counts by header, and by address in a space of its own without it', async () => {
  await using origin = await startOrigin()
  const limits = 'rate-limit: { max: 1, window: 1h, by: "header:x-tenant" }'
  await using gateway = await startGateway(yaml(origin.url, { limits }))

  expect(await statuses(gateway, 2, { 'x-tenant': 'a' })).toEqual([200, 429])
  expect(await statuses(gateway, 2, { 'x-tenant': 'b' })).toEqual([200, 429])
  expect(await statuses(gateway, 2, { 'x-tenant': '@127.0.0.1' })).toEqual([200, 429])
  expect(await statuses(gateway, 2)).toEqual([200, 429])
})

test('keeps counts over a reload that changes max, and begins anew where the window or `by` changes', async () => {
  await using origin = await startOrigin()
  const text = (limit: string) => yaml(origin.url, { limits: `rate-limit: { ${limit} }` })
  await using gateway = await startGateway(text('max: 2, window: 1h'))
  expect(await statuses(gateway, 3)).toEqual([200, 200, 429])

  await gateway.reload(text('max: 4, window: 1h'))
  expect(await statuses(gateway, 2)).toEqual([200, 429])

  await gateway.reload(text('max: 4, window: 2h'))
  expect(await statuses(gateway, 1)).toEqual([200])

  await gateway.reload(text('max: 4, window: 1h'))
  expect(await statuses(gateway, 1)).toEqual([429])
})

test('lets everything through in observe mode, counts it, and tells the client nothing', async () => {
  await using origin = await startOrigin()
  const limits = 'rate-limit: { max: 1, window: 1h, mode: observe }'
  await using gateway = await startGateway(yaml(origin.url, { limits }))

  expect(await statuses(gateway, 2)).toEqual([200, 200])
  const answer = await gateway.fetch('/')

  expect(answer.headers.get('ratelimit')).toBe(null)
  expect(answer.headers.get('retry-after')).toBe(null)
  const metrics = await gateway.metrics()
  expect(metrics).toContain('sluice_ratelimit_decisions_total{route="orders",decision="allow"} 1')
  expect(metrics).toContain('sluice_ratelimit_decisions_total{route="orders",decision="would_deny"} 2')
})

test('refuses a window of no length, which would be no limit', async () => {
  await using origin = await startOrigin()

  const started = startGateway(yaml(origin.url, { limits: 'rate-limit: { max: 1, window: 0s }' }))

  await expect(started).rejects.toThrow()
})

test('slides: admits again as the oldest requests leave the window, and never more than max within one', async () => {
  await using origin = await startOrigin()
  const limits = 'rate-limit: { max: 3, window: 300ms, algorithm: sliding }'
  await using gateway = await startGateway(yaml(origin.url, { limits }))
  const admitted: { readonly sent: number; readonly answered: number }[] = []
  const statuses = new Set<number>()

  // Three in each window.
  while (admitted.length < 8) {
    const sent = performance.now()
    const { status } = await gateway.fetch('/')
    statuses.add(status)
    if (status === 200) admitted.push({ sent, answered: performance.now() })
  }

  expect([...statuses].sort()).toEqual([200, 429])
  for (let i = 3; i < admitted.length; i++) {
    expect(admitted[i]!.answered - admitted[i - 3]!.sent).toBeGreaterThan(300)
  }
})

test('tells under sliding when a request would pass', async () => {
  await using origin = await startOrigin()
  const limits = 'rate-limit: { max: 1, window: 30s, algorithm: sliding }'
  await using gateway = await startGateway(yaml(origin.url, { limits }))

  const admitted = await gateway.fetch('/')
  const refused = await gateway.fetch('/')

  // The slice in which it came runs up to 2 s more, and leaves a window after its end.
  expect(admitted.headers.get('ratelimit')).toMatch(/^"orders";r=0;t=3[0-2]$/)
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toMatch(/^(29|3[0-2])$/)
  expect(refused.headers.get('ratelimit')).toMatch(/^"orders";r=0;t=(29|3[0-2])$/)
})

test('begins anew where the algorithm changes', async () => {
  await using origin = await startOrigin()
  const text = (algorithm: string) =>
    yaml(origin.url, { limits: `rate-limit: { max: 1, window: 1h, algorithm: ${algorithm} }` })
  await using gateway = await startGateway(text('fixed'))
  expect(await statuses(gateway, 2)).toEqual([200, 429])

  expect(await gateway.reload(text('sliding'))).toMatchObject({ ok: true })

  expect(await statuses(gateway, 2)).toEqual([200, 429])
})
