/** Gateways of one fleet whose clocks differ: what they share is kept by the clock of Redis. */
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { runSluice } from '../support/child.ts'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

/** Node with a clock that is wrong by so many seconds. */
const withClock = (seconds: number) => {
  const text = `const Right = Date
const skew = ${seconds * 1000}
globalThis.Date = class Date extends Right {
  constructor(...args) { super(...(args.length === 0 ? [Right.now() + skew] : args)) }
  static now() { return Right.now() + skew }
}`
  return ['--import', `data:text/javascript,${encodeURIComponent(text)}`]
}

const WINDOW_MS = 3000

/** To the one the other is slow, to the other the one is fast. */
const SKEW_SECONDS = 60

test('a clock that is off by a minute changes no limit and no age', async () => {
  await using redis = await startRedis()
  await using origin = await startOrigin((_, response) => {
    // Its own date would be told from a clock that is wrong, as everywhere (RFC 9111 §4.2.3).
    response.sendDate = false
    response.setHeader('cache-control', 'max-age=30')
    response.end(String(origin.requests.length))
  })
  const limit = (algorithm: string) =>
    `  ${algorithm}: { match: /${algorithm}, respond: { status: 200 }, public: t, plugins: [rate-limit: { max: 2, window: ${WINDOW_MS}ms, algorithm: ${algorithm} }] }\n`
  const yaml = `listen: http://127.0.0.1:0
admin: http://127.0.0.1:0
store: { redis: "${redis.url}", timeout: 2s }
routes:
${limit('fixed')}${limit('sliding')}
  kept: { match: /kept/*, upstream: "${origin.url}", public: t, plugins: [cache] }
`
  await using right = await startGateway(yaml)
  await using wrong = await runSluice(yaml, { node: withClock(SKEW_SECONDS) })
  await wrong.serving()
  const [one, other] = [right.url, wrong.url]
  expect(Math.round((Date.parse(await dateOf(other)) - Date.now()) / 1000 / 60)).toBe(SKEW_SECONDS / 60)

  const statuses = async (path: string) => {
    const found = []
    for (const url of [one, other, one, other]) found.push((await fetch(url + path)).status)
    return found
  }
  const two = [200, 200, 429, 429]
  expect(await Promise.all(['/fixed', '/sliding'].map(statuses))).toEqual([two, two])
  // The sliding one is a slice of the window late.
  await sleep(WINDOW_MS * 1.1)
  expect(await Promise.all(['/fixed', '/sliding'].map(statuses))).toEqual([two, two])

  let kept = 0
  for (const [from, to, path] of [
    [one, other, '/kept/a'],
    [other, one, '/kept/b'],
  ] as const) {
    const first = await get(from + path)
    await expect.poll(() => keptIn(redis)).toBeGreaterThan(kept)
    kept = await keptIn(redis)
    const found = await get(to + path)
    expect([found.body, found.head['cache-status']]).toEqual([first.body, expect.stringContaining('; hit')])
    expect(Number(found.head.age)).toBeLessThan(5)
  }
})

/** Under one name: it is part of what an answer is kept for. */
async function get(url: string) {
  const [response] = (await once(request(url, { headers: { host: 'www.example' } }).end(), 'response')) as [
    IncomingMessage,
  ]
  return { head: response.headers, body: String(Buffer.concat(await response.toArray())) }
}

/** The second key of an answer is written last. */
async function keptIn({ client }: TestRedis): Promise<number> {
  return (await client.keys('sluice:answer:*')).length >> 1
}

/** As the gateway says it. */
async function dateOf(url: string): Promise<string> {
  return (await fetch(`${url}/fixed-none`)).headers.get('date')!
}
