/** Metrics of several threads as one: sums that never go back, whoever dies. */
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Announcement } from '../../src/observe/announcement.ts'
import { Metrics } from '../../src/observe/metrics.ts'

/** Metrics of a thread that tells `whole` what it counts in, as through a port. */
function threadOf(whole: Metrics, thread: number): Metrics {
  const told = (announcement: Announcement) => whole.adopt(thread, structuredClone(announcement))
  return new Metrics(told)
}

async function lines(metrics: Metrics): Promise<string[]> {
  await turn()
  await turn()
  return (await metrics.text()).split('\n').filter((line) => /^sluice_[^_]+(_total|_count|_bucket|_sum)/.test(line))
}

test('adds up what threads count, as they count it', async () => {
  const whole = new Metrics()
  const counters = [1, 2].map((thread) => threadOf(whole, thread).counter('x_total', 'X.', ['route']).series('a'))
  for (const counter of counters) counter.inc()

  expect(await lines(whole)).toEqual(['sluice_x_total{route="a"} 2'])
  counters[1]!.inc(3)
  expect(await lines(whole)).toEqual(['sluice_x_total{route="a"} 5'])
})

test('keeps what a dead thread has counted, and what its successor counts comes on top', async () => {
  const whole = new Metrics()
  const shape = ['t', 'T.', ['route'], [1]] as const
  const first = threadOf(whole, 1)
    .histogram(...shape)
    .series('a')
  first.observe(0.5)
  first.observe(2)
  await lines(whole)

  whole.release(1)
  const between = await lines(whole)
  threadOf(whole, 1)
    .histogram(...shape)
    .series('a')
    .observe(0.25)

  expect(between).toEqual([
    'sluice_t_bucket{route="a",le="1"} 1',
    'sluice_t_bucket{route="a",le="+Inf"} 2',
    'sluice_t_sum{route="a"} 2.5',
    'sluice_t_count{route="a"} 2',
  ])
  expect(await lines(whole)).toEqual([
    'sluice_t_bucket{route="a",le="1"} 2',
    'sluice_t_bucket{route="a",le="+Inf"} 3',
    'sluice_t_sum{route="a"} 2.75',
    'sluice_t_count{route="a"} 3',
  ])
})

test('shows families in which nothing is counted yet', async () => {
  const whole = new Metrics()
  threadOf(whole, 1).counter('x_total', 'X.')
  await turn()

  expect(await whole.text()).toBe('# HELP sluice_x_total X.\n# TYPE sluice_x_total counter\n')
})

test.for([
  ['connections', [2, 3], 5],
  ['target_up', [1, 0], 0],
  ['breaker_state', [0, 2], 2],
  ['jwks_last_success_timestamp_seconds', [1700, 1800], 1800],
] as const)('puts gauges together as they mean it: %s', async ([name, values, together]) => {
  const whole = new Metrics()
  const readings = values.map((value) => {
    const thread = new Metrics(() => {})
    thread.gauge(name, 'G.', ['a']).set(value, 'x')
    return structuredClone(thread.gauges())
  })

  whole.receive(readings.flat())
  whole.receive(readings.flat())

  expect(await whole.text()).toContain(`\nsluice_${name}{a="x"} ${together}\n`)
  whole.receive([])
  expect(await whole.text()).not.toContain('{a="x"}')
})
