/** How long an origin keeps idle connections, learned from its closes, and which requests that keeps off old ones. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { IdleBound } from '../../src/http1/idle-bound.ts'
import { answering, response, type ScriptedOrigin, scriptedOrigin } from '../support/scripted-origin.ts'
import { eventually, type TestPool, testPool } from './ask.ts'

const POST = { method: 'POST', body: { kind: 'length', length: 0 } } as const

async function post(client: TestPool): Promise<boolean> {
  const asked = client.ask(POST)
  asked.handle.end()
  await asked.over()
  return asked.handle.reused
}

/** Has the origin close a connection that was idle for 500 ms, then a new one stay idle for longer than that. */
async function afterClose(client: TestPool, origin: ScriptedOrigin): Promise<void> {
  await client.ask().over()
  const idle = performance.now()
  await pause(500)
  origin.connections[0]!.fin()
  await eventually(() => client.pool.stats.idle === 0)
  await client.ask().over()
  expect(await post(client)).toBe(true)
  await pause(performance.now() - idle)
}

test('a POST goes on no connection that has been idle for as long as the one that the origin closed, and a GET does', async () => {
  await using origin = await scriptedOrigin(answering(response('ok')))
  using client = testPool(origin.port)
  await afterClose(client, origin)

  const posted = post(client)
  const get = client.ask()

  expect([await posted, (await get.over()).handle.reused]).toEqual([false, true])
})

test('where no connection may be added, the one that is too old for a POST makes room for a new one', async () => {
  await using origin = await scriptedOrigin(answering(response('ok')))
  using client = testPool(origin.port, { maxConnections: 1 })
  await afterClose(client, origin)

  expect(await post(client)).toBe(false)
  expect(client.pool.stats).toEqual({ active: 0, idle: 1, pending: 0, queued: 0 })
})

/** A bound that was told of closes, written as time@age, and asked a second after the last. */
function told(closes: string): IdleBound {
  const bound = new IdleBound()
  let last = 0
  for (const [, time, age] of closes.matchAll(/(\d+)@(\d+)/g)) {
    last = Number(time)
    bound.closed(Number(age), last)
  }
  bound.review(0, last + 1000)
  return bound
}

test.for([
  ['nothing', '', Infinity],
  ['one close', '0@1000', 800],
  ['closes of like ages', '0@1010 3@1000 5@1004', 800],
  ['the shortest of several', '0@5200 500@5000 900@5300', 4000],
  ['a long one', '0@60000', 59_000],
  ['a short one', '0@80', 30],
  ['an origin that stops, with connections of all ages,', '0@300 1@4000 1@90', Infinity],
  ['an origin that closes what has just been used', '0@20', Infinity],
  ['one that stops some time after a close of its timeout', '0@1000 5000@2 5001@700', 800],
] as const)('%s makes a connection safe for as long as this: %s → %s ms', ([, closes, safe]) => {
  expect(told(closes).safeMs).toBe(safe)
})

test('what was learned is forgotten when a connection is kept for much longer', () => {
  const bound = told('0@1000')

  bound.review(2400, 3000)
  expect(bound.safeMs).toBe(800)
  bound.review(2600, 3200)
  expect(bound.safeMs).toBe(Infinity)
})

test('what was learned is forgotten when it is not seen again for a while, or replaced by what is', () => {
  const minutes = 60_000
  const bound = told('0@1000')
  bound.closed(5000, 9 * minutes)
  bound.review(0, 10 * minutes + 2000)
  expect(bound.safeMs).toBe(800)
  bound.closed(5000, 15 * minutes)
  bound.review(0, 21 * minutes)
  expect(bound.safeMs).toBe(4000)
  bound.review(0, 32 * minutes)
  expect(bound.safeMs).toBe(Infinity)
})
