/** What Prometheus is told about real requests. */
import { spawnSync } from 'node:child_process'
import { request as httpRequest } from 'node:http'
import { expect, test, vi } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange } from '../support/wire.ts'

/** The samples of a family, buckets and sums left out. */
async function counts(gateway: TestGateway, name: string): Promise<string[]> {
  const lines = (await gateway.metrics()).split('\n')
  return lines.filter((line) => line.startsWith(`sluice_${name}`) && !/_(bucket|sum)\{/.test(line)).sort()
}

const config = (upstream: string) => `
plugins: [metrics]
upstreams: { origin: ["${upstream}"] }
routes:
  orders: { match: /orders/*, upstream: origin, public: test }
  hello: { match: /hello, respond: { status: 200, body: hello }, public: test }
`

test('counts by route, method, status and who answered', async () => {
  await using origin = await startOrigin((request, response) => {
    response.statusCode = request.url === '/orders/missing' ? 404 : 200
    response.end()
  })
  await using gateway = await startGateway(config(origin.url))

  for (const path of ['/orders/1', '/orders/2', '/orders/missing', '/hello', '/nowhere']) await gateway.fetch(path)
  await gateway.fetch('/orders/1', { method: 'DELETE' })

  await vi.waitFor(
    async () =>
      expect(await counts(gateway, 'http_requests_total')).toEqual([
        'sluice_http_requests_total{route="_none",method="GET",code="404",source="gateway"} 1',
        'sluice_http_requests_total{route="hello",method="GET",code="200",source="gateway"} 1',
        'sluice_http_requests_total{route="orders",method="DELETE",code="200",source="upstream"} 1',
        'sluice_http_requests_total{route="orders",method="GET",code="200",source="upstream"} 2',
        'sluice_http_requests_total{route="orders",method="GET",code="404",source="upstream"} 1',
      ]),
    60_000,
  )
})

test('lets no client make series with methods of its own', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(config(origin.url))

  for (const method of ['PROPFIND', 'PURGE', 'MKCOL']) {
    await exchange(gateway.port, `${method} /orders/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
  }

  await vi.waitFor(
    async () =>
      expect(await counts(gateway, 'http_requests_total')).toEqual([
        'sluice_http_requests_total{route="orders",method="OTHER",code="200",source="upstream"} 3',
      ]),
    60_000,
  )
})

test('times requests, the upstream and itself', async () => {
  await using origin = await startOrigin((_, response) => setTimeout(() => response.end(), 60))
  await using gateway = await startGateway(config(origin.url))

  await gateway.fetch('/orders/1')
  await gateway.fetch('/hello')
  await vi.waitFor(
    async () =>
      expect(await counts(gateway, 'overhead_seconds')).toEqual([
        'sluice_overhead_seconds_count{route="_none"} 0',
        'sluice_overhead_seconds_count{route="hello"} 1',
        'sluice_overhead_seconds_count{route="orders"} 1',
      ]),
    60_000,
  )

  const text = await gateway.metrics()
  const sum = (series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(series))
        ?.split(' ')[1],
    )
  expect(await counts(gateway, 'http_request_duration_seconds')).toEqual([
    'sluice_http_request_duration_seconds_count{route="hello",code_class="2xx"} 1',
    'sluice_http_request_duration_seconds_count{route="orders",code_class="2xx"} 1',
  ])
  expect(await counts(gateway, 'upstream_duration_seconds')).toEqual([
    'sluice_upstream_duration_seconds_count{upstream="origin"} 1',
  ])
  const total = sum('sluice_http_request_duration_seconds_sum{route="orders"')
  const upstream = sum('sluice_upstream_duration_seconds_sum{upstream="origin"}')
  const overhead = sum('sluice_overhead_seconds_sum{route="orders"}')
  expect(upstream).toBeGreaterThanOrEqual(0.059)
  expect(overhead).toBeGreaterThan(0)
  expect(total).toBeGreaterThanOrEqual(upstream + overhead)
})

test('counts a client that leaves as 499', async () => {
  await using origin = await startOrigin(() => {})
  await using gateway = await startGateway(config(origin.url))
  const request = httpRequest(`${gateway.url}/orders/1`, { agent: false })
  request.on('error', () => {})
  request.end()
  await vi.waitFor(() => expect(origin.requests).toHaveLength(1), 60_000)

  request.destroy()

  await vi.waitFor(
    async () =>
      expect(await counts(gateway, 'http_requests_total')).toEqual([
        'sluice_http_requests_total{route="orders",method="GET",code="499",source="gateway"} 1',
      ]),
    60_000,
  )
})

test('counts an answer that breaks off by what broke it, not by its status line', async () => {
  await using origin = await startOrigin((_, response) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('half')
    setTimeout(() => response.destroy(), 20)
  })
  await using gateway = await startGateway(config(origin.url))

  const response = await gateway.fetch('/orders/1')
  await expect(response.text()).rejects.toThrow()

  await vi.waitFor(
    async () =>
      expect(await counts(gateway, 'http_requests_total')).toEqual([
        'sluice_http_requests_total{route="orders",method="GET",code="502",source="upstream"} 1',
      ]),
    60_000,
  )
})

test('counts a request once where the plugin stands twice', async () => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(`
plugins: [metrics]
routes:
  orders: { match: /*, upstream: "${origin.url}", public: test, plugins: [metrics] }
`)

  await gateway.fetch('/')

  await vi.waitFor(
    async () =>
      expect(await counts(gateway, 'http_requests_total')).toEqual([
        'sluice_http_requests_total{route="orders",method="GET",code="200",source="upstream"} 1',
      ]),
    60_000,
  )
})

test('goes on counting over a reload, drops what is gone and begins anew with what comes back', async () => {
  await using origin = await startOrigin()
  const both = config(origin.url)
  await using gateway = await startGateway(both)
  const visit = async () => {
    await gateway.fetch('/orders/1')
    await gateway.fetch('/hello')
  }

  await visit()
  await gateway.reload(both.replace(/ {2}hello:.*\n/, ''))
  const without = await counts(gateway, 'http_requests_total')
  await gateway.reload(both)
  await visit()

  expect(without).toEqual(['sluice_http_requests_total{route="orders",method="GET",code="200",source="upstream"} 1'])
  await vi.waitFor(
    async () =>
      expect(await counts(gateway, 'http_requests_total')).toEqual([
        'sluice_http_requests_total{route="hello",method="GET",code="200",source="gateway"} 1',
        'sluice_http_requests_total{route="orders",method="GET",code="200",source="upstream"} 2',
      ]),
    60_000,
  )
})

test('passes promtool after real traffic', async (context) => {
  await using origin = await startOrigin()
  await using gateway = await startGateway(config(origin.url))
  for (const path of ['/orders/1', '/hello', '/nowhere']) await gateway.fetch(path)

  const checked = spawnSync('promtool', ['check', 'metrics'], { input: await gateway.metrics(), encoding: 'utf8' })
  if (checked.error !== undefined && process.env.CI !== 'true') context.skip('promtool is not installed')

  expect({ status: checked.status, output: `${checked.stdout}${checked.stderr}` }).toEqual({ status: 0, output: '' })
})
