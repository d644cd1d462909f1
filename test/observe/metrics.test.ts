/** Counting and exposition: names, labels, escaping, what goes when routes go, and what a scrape costs. */
import { spawnSync } from 'node:child_process'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { configMetrics, trafficMetrics } from '../../src/observe/gateway-metrics.ts'
import { Metrics } from '../../src/observe/metrics.ts'
import { NodeMetrics } from '../../src/observe/node-metrics.ts'

/** The samples of one family, without help and type. */
async function samples(metrics: Metrics, name: string): Promise<string[]> {
  return (await metrics.text()).split('\n').filter((line) => line.startsWith(`sluice_${name}`))
}

test('counts per series, in the order the labels are declared', async () => {
  const metrics = new Metrics()
  const requests = metrics.counter('requests_total', 'Requests.', ['route', 'code'])

  requests.series('orders', '200').inc()
  requests.series('orders', '200').inc(2)
  requests.series('orders', '404').inc()

  expect(await samples(metrics, 'requests_total')).toEqual([
    'sluice_requests_total{route="orders",code="200"} 3',
    'sluice_requests_total{route="orders",code="404"} 1',
  ])
})

test('cumulates histogram buckets, the bound itself included', async () => {
  const metrics = new Metrics()
  const times = metrics.histogram('time_seconds', 'Time.', ['route'], [0.5, 1])

  for (const value of [0.25, 0.5, 0.75, 8]) times.series('a').observe(value)

  expect(await samples(metrics, 'time_seconds')).toEqual([
    'sluice_time_seconds_bucket{route="a",le="0.5"} 2',
    'sluice_time_seconds_bucket{route="a",le="1"} 3',
    'sluice_time_seconds_bucket{route="a",le="+Inf"} 4',
    'sluice_time_seconds_sum{route="a"} 9.5',
    'sluice_time_seconds_count{route="a"} 4',
  ])
})

test('reads gauges at each scrape and forgets the series that are not set then', async () => {
  const metrics = new Metrics()
  let open = new Map([
    ['http', 3],
    ['ws', 1],
  ])
  metrics.gauge('connections', 'Open.', ['kind'], (gauge) => {
    for (const [kind, count] of open) gauge.set(count, kind)
  })
  const before = await samples(metrics, 'connections')
  open = new Map([['http', 5]])

  expect(before).toEqual(['sluice_connections{kind="http"} 3', 'sluice_connections{kind="ws"} 1'])
  expect(await samples(metrics, 'connections')).toEqual(['sluice_connections{kind="http"} 5'])
})

test('keeps a gauge that is only set', async () => {
  const metrics = new Metrics()
  metrics.gauge('store_up', 'Up.').set(0)

  expect(await samples(metrics, 'store_up')).toEqual(['sluice_store_up 0'])
})

test.for([
  ['quote"', '"quote\\""'],
  ['back\\slash', '"back\\\\slash"'],
  ['new\nline', '"new\\nline"'],
  ['lone\ud800', '"lone\ufffd"'],
  ['a",b="c', '"a\\",b=\\"c"'],
] as const)('escapes the label value %j', async ([value, written]) => {
  const metrics = new Metrics()
  metrics.counter('x_total', 'X.', ['route']).series(value).inc()

  expect(await samples(metrics, 'x_total')).toEqual([`sluice_x_total{route=${written}} 1`])
})

test('keeps tuples apart whose texts would join to the same', async () => {
  const metrics = new Metrics()
  const family = metrics.counter('x_total', 'X.', ['a', 'b'])
  family.series('1', '2,3').inc()
  family.series('1,2', '3').inc()

  expect(await samples(metrics, 'x_total')).toHaveLength(2)
})

test('drops series of removed routes and never sets back those that stay', async () => {
  const metrics = new Metrics()
  const requests = metrics.counter('requests_total', 'R.', ['route'])
  const times = metrics.histogram('time_seconds', 'T.', ['route'], [1])
  const up = metrics.gauge('up', 'U.', ['upstream'])
  const kept = requests.series('kept')
  for (const route of ['kept', 'gone', '_none']) requests.series(route).inc(2)
  times.series('gone').observe(1)
  up.set(1, 'gone')

  metrics.retain('route', [{ name: 'kept' }])
  kept.inc()

  expect(await samples(metrics, 'requests_total')).toEqual([
    'sluice_requests_total{route="kept"} 3',
    'sluice_requests_total{route="_none"} 2',
  ])
  expect(await samples(metrics, 'time_seconds')).toEqual([])
  expect(await samples(metrics, 'up')).toEqual(['sluice_up{upstream="gone"} 1'])
})

test('begins at zero with a route that comes back, whatever an old request still counts', async () => {
  const metrics = new Metrics()
  const requests = metrics.counter('requests_total', 'R.', ['route'])
  const old = requests.series('a')
  old.inc(5)
  metrics.retain('route', [])
  old.inc()

  requests.series('a').inc()

  expect(await samples(metrics, 'requests_total')).toEqual(['sluice_requests_total{route="a"} 1'])
})

test('gives one family for one name and refuses two meanings', () => {
  const metrics = new Metrics()
  const family = metrics.counter('x_total', 'X.', ['a'])

  expect(metrics.counter('x_total', 'X.', ['a'])).toBe(family)
  expect(() => metrics.counter('x_total', 'X.', ['b'])).toThrow('sluice_x_total is already a counter with the labels a')
  expect(() => metrics.counter('x', 'X.')).toThrow('must end in _total')
  expect(() => metrics.gauge('x_total', 'X.')).toThrow('must not end in _total')
  expect(() => metrics.gauge('X-y', 'X.')).toThrow('is no metric name')
  expect(() => family.series('1', '2')).toThrow('takes 1 label values, found 2')
})

/** Every family of the gateway with at least one series each. */
function everything(): Metrics {
  const metrics = new Metrics()
  configMetrics(metrics, { lastReloadSuccessful: () => false, configHash: () => 'sha256:ab' })
  const rejections = trafficMetrics(metrics, {
    inflightRequests: () => 2,
    connections: () => [['http', 1]],
    upstreamConnections: () => [['orders', 'idle', 4]],
    certificates: () => [['api.example.com', 1_800_000_000]],
    stores: () => [{ isUp: true }, { isUp: false }],
  })
  rejections.series('orders', 'rate-limit', 'rate-limited', 'observe').inc()
  metrics.histogram('time_seconds', 'Time.', ['route'], [0.001, 30]).series('we"ird\\\n').observe(0.5)
  return metrics
}

test('names what the gateway itself feeds', async () => {
  const lines = (await everything().text()).split('\n').filter((line) => /^sluice_(?!time)/.test(line))

  expect(lines).toEqual([
    'sluice_config_last_reload_successful 0',
    'sluice_config_info{hash="sha256:ab"} 1',
    'sluice_config_reloads_total{result="success"} 0',
    'sluice_config_reloads_total{result="failure"} 0',
    'sluice_tls_certificate_expiry_timestamp_seconds{name="api.example.com"} 1800000000',
    'sluice_inflight_requests 2',
    'sluice_connections{kind="http"} 1',
    'sluice_store_up 0',
    'sluice_upstream_connections{upstream="orders",state="idle"} 4',
    'sluice_rejections_total{route="orders",plugin="rate-limit",reason="rate-limited",mode="observe"} 1',
  ])
})

test('is accepted by promtool, with the metrics of Node', async (context) => {
  const text = (await everything().text()) + (await new NodeMetrics().text())
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  if (checked.error !== undefined && process.env.CI !== 'true') context.skip('promtool is not installed')

  expect(checked.error).toBeUndefined()
  expect({ status: checked.status, output: checked.stdout + checked.stderr }).toEqual({ status: 0, output: '' })
  expect(text).toMatch(/^process_resident_memory_bytes /m)
  expect(text).not.toMatch(/nodejs_active_\w+_total/)
})

test('gives the loop back while it renders 10,000 series', async () => {
  const metrics = new Metrics()
  const requests = metrics.counter('requests_total', 'R.', ['route', 'method', 'code'])
  const times = metrics.histogram('time_seconds', 'T.', ['route'], [0.001, 0.01, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30])
  for (let i = 0; i < 5000; i++) {
    requests.series(`route-${i}`, 'GET', '200').inc(i)
    times.series(`route-${i}`).observe(i / 1000)
  }
  let turns = 0
  const count = () => {
    turns++
    timer = setImmediate(count)
  }
  let timer = setImmediate(count)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()

  let pieces = 0
  for await (const piece of metrics.pieces()) if (piece.length > 0) pieces++

  delay.disable()
  clearImmediate(timer)
  // Time itself depends on the machine; that other work has its turn between the pieces does not.
  expect(pieces).toBeGreaterThan(2)
  expect(turns).toBeGreaterThanOrEqual(pieces - 2)
})
