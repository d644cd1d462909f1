/** Which targets a request may go to, by the state they are in. */
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import type { TargetConfig, UpstreamConfig } from '../../src/config/config.ts'
import type { WireError } from '../../src/http1/wire-error.ts'
import { Target } from '../../src/upstream/target.ts'
import { TargetState } from '../../src/upstream/target-state.ts'
import { Upstream } from '../../src/upstream/upstream.ts'

const noExchange = null as never

const base: UpstreamConfig = {
  name: 'orders',
  targets: [],
  balance: { kind: 'round-robin' },
  panicThreshold: 0.5,
  timeouts: { connectMs: 1000, responseMs: 1000, idleMs: 1000, streamMs: 1000, tunnelMs: 1000, totalMs: undefined },
  health: null,
  breaker: null,
  retries: null,
  fallback: null,
  connections: { max: 1, idleMs: 1000, queue: 1, queueTimeoutMs: 1000, tunnels: 1 },
  tls: { verify: true },
}

function upstreamOf(names: readonly string[], changes: Partial<UpstreamConfig> = {}, port = 1) {
  const targets = names.map(
    (name): TargetConfig => ({
      url: name,
      protocol: 'http',
      host: '127.0.0.1',
      port,
      basePath: '',
      weight: name.endsWith('0') ? 0 : 1,
    }),
  )
  const upstream = new Upstream({ ...base, targets, ...changes }, (target, config) => {
    return new Target(target, config, {
      state: new TargetState(config.name, target.url),
      port: target.port,
      name: null,
    })
  })
  const [a, b, c, d] = upstream.targets
  return { upstream, a: a!, b: b!, c: c!, d: d!, next: (tried: Target[] = []) => upstream.pick(noExchange, tried)?.url }
}

test('a drained target gets no requests until it is undrained', () => {
  const { a, next } = upstreamOf(['a', 'b'])

  a.state.draining = true
  expect([next(), next(), next()]).toEqual(['b', 'b', 'b'])
  a.state.draining = false
  expect([next(), next()].sort()).toEqual(['a', 'b'])
})

test('a target that is down, or whose breaker is open, gets no requests', () => {
  const { a, b, next } = upstreamOf(['a', 'b', 'c', 'd'])

  a.state.judge('active', 'answered 500')
  b.state.breaker = 'open'
  expect(new Set([next(), next(), next(), next()])).toEqual(new Set(['c', 'd']))
  a.state.judge('active', null)
  b.state.breaker = 'half-open'
  expect(new Set([next(), next(), next(), next(), next()])).toEqual(new Set(['a', 'b', 'c', 'd']))
})

test('a target is down while one of its two sources says so', () => {
  const { a } = upstreamOf(['a'])

  a.state.judge('active', 'no connection')
  a.state.judge('passive', 'failed 5 times')
  a.state.judge('active', null)
  expect([a.state.up, a.state.reason]).toEqual([false, 'failed 5 times'])
  a.state.judge('passive', null)
  expect([a.state.up, a.state.eligible]).toEqual([true, true])
})

test.for([
  [0, ['a', 'b', 'c', 'd']],
  [1, ['b', 'c', 'd']],
  [2, ['c', 'd']],
  [3, ['a', 'b', 'c', 'd']],
  [4, ['a', 'b', 'c', 'd']],
] as const)('with %i of four targets down and a threshold of half, requests go to %j', ([down, expected]) => {
  const { upstream } = upstreamOf(['a', 'b', 'c', 'd'])
  for (const target of upstream.targets.slice(0, down)) target.state.judge('active', 'down')

  expect(upstream.candidates.map(({ url }) => url)).toEqual(expected)
})

test('with a threshold of 0% an upstream whose targets are all down has none', () => {
  const { upstream, a, next } = upstreamOf(['a'], { panicThreshold: 0 })
  a.state.judge('active', 'down')

  expect([upstream.candidates, next()]).toEqual([[], undefined])
})

test('drained targets do not count as down', () => {
  const { a, b, c, next } = upstreamOf(['a', 'b', 'c', 'd'])
  a.state.draining = true
  b.state.draining = true
  c.state.judge('passive', 'down')

  expect([next(), next(), next()]).toEqual(['d', 'd', 'd'])
})

test('panic does not open what the operator drained or a breaker closed', () => {
  const { upstream, a, b, c, d } = upstreamOf(['a', 'b', 'c', 'd'])
  a.state.draining = true
  b.state.breaker = 'open'
  for (const target of [b, c, d]) target.state.judge('active', 'down')

  expect(upstream.candidates.map(({ url }) => url)).toEqual(['c', 'd'])
})

test('a target with weight 0 gets nothing, not even when all others are gone', () => {
  const { a, next } = upstreamOf(['a', 'b0'])

  expect([next(), next()]).toEqual(['a', 'a'])
  a.state.draining = true
  expect(next()).toBe(undefined)
})

test('a target that was tried is handed out again only when no other is left', () => {
  const { a, b, c, next } = upstreamOf(['a', 'b', 'c'])

  expect(next([a, b])).toBe('c')
  c.state.draining = true
  expect(next([a])).toBe('b')
  expect(['a', 'b']).toContain(next([a, b]))
})

test.for([
  ['round-robin', 'b'],
  ['hash', 'a'],
] as const)(
  '%s gives a request to %s while the other target has no room',
  async ([kind, expected], { onTestFinished }) => {
    await using silent = await silentServer()
    const balance = kind === 'hash' ? ({ kind, by: { kind: 'path' } } as const) : { kind }
    const { upstream, a, b } = upstreamOf(['a', 'b'], { balance }, silent.port)
    onTestFinished(() => {
      for (const { pool } of upstream.targets) pool.destroy()
    })
    const exchange = { facts: { path: pathFor(upstream, a) } } as never

    occupy(a)
    expect(upstream.pick(exchange)?.url).toBe(expected)
    expect(upstream.pick(exchange)?.url).toBe(expected)
    // What keeps requests together waits for its own target, and leaves it only when even the queue is full.
    occupy(a)
    expect(upstream.pick(exchange)?.url).toBe('b')
    occupy(b)
    occupy(b)
    expect(upstream.pick(exchange)).not.toBe(null)
  },
)

test('a target that was closed before its first request refuses it, and has no connections', async () => {
  const { a } = upstreamOf(['a'])
  expect(a.stats).toEqual({ active: 0, idle: 0, pending: 0, queued: 0 })

  a.close()

  const { promise, resolve } = Promise.withResolvers<string>()
  const listener = { head() {}, data: () => true, end() {}, error: ({ code }: WireError) => resolve(code) }
  a.pool.request({ method: 'GET', target: '/', headers: ['host', 'a'], body: { kind: 'none' } }, listener)
  expect(await promise).toBe('pool-closed')
  expect(a.load).toBe(0)
})

function occupy({ pool }: Target): void {
  const listener = { head() {}, data: () => true, end() {}, error() {} }
  pool.request({ method: 'GET', target: '/', headers: ['host', 'a'], body: { kind: 'none' } }, listener)
}

/** A path that the hash policy gives to this target. */
function pathFor(upstream: Upstream, target: Target): string {
  for (let number = 0; ; number++) {
    if (upstream.pick({ facts: { path: `/${number}` } } as never) === target) return `/${number}`
    if (upstream.config.balance.kind !== 'hash') return '/'
  }
}

async function silentServer() {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
