/** What a limit does while its store does not answer: never a 500, and never a limit silently gone under `local`. */
import { describe, expect, test } from 'vitest'
import rateLimit, { schema, traits } from '../../../plugins/rate-limit.ts'
import type { PluginItem } from '../../../src/config/config.ts'
import { Exchange } from '../../../src/exchange/exchange.ts'
import { Carry } from '../../../src/generation/carry.ts'
import { record } from '../../../src/generation/scope.ts'
import { createLog } from '../../../src/observe/log.ts'
import { Metrics } from '../../../src/observe/metrics.ts'
import { Problem } from '../../../src/problem.ts'
import type { CountCallback, CounterStore, Limit } from '../../../src/state/counters.ts'
import { MemoryCounters } from '../../../src/state/memory-counters.ts'
import { MemoryInFlight } from '../../../src/state/memory-in-flight.ts'
import { Purges } from '../../../src/state/purges.ts'

/** A shared store that can be out of reach. */
class RemoteCounters implements CounterStore {
  readonly local = new MemoryCounters()
  readonly #remote = new MemoryCounters()
  reachable = true

  increment(limit: Limit, key: string, done: CountCallback): void {
    if (this.reachable) this.#remote.increment(limit, key, done)
    else queueMicrotask(() => done(new Error('connect ECONNREFUSED'), null))
  }

  read(limit: Limit, key: string, done: CountCallback): void {
    if (this.reachable) this.#remote.read(limit, key, done)
    else throw new Error('connect ECONNREFUSED')
  }
}

interface Setup {
  readonly onStoreFailure?: 'local' | 'allow' | 'deny'
  readonly mode?: 'enforce' | 'observe'
}

async function open({ onStoreFailure = 'local', mode = 'enforce' }: Setup = {}) {
  const counters = new RemoteCounters()
  const metrics = new Metrics()
  const carry = new Carry()
  const log: Record<string, unknown>[] = []
  const item: PluginItem = {
    kind: 'plugin',
    plugin: { name: 'rate-limit', url: 'file:///rate-limit.ts' },
    options: { max: 2, window: '1h', algorithm: 'fixed', onStoreFailure },
    mode,
    optional: false,
    id: 'routes.orders/rate-limit#0',
    at: { file: 'gateway.yaml', line: 1, column: 1, endColumn: 1 },
    belowAuthenticator: false,
  }
  const { onRequest, close } = await record(
    item,
    { schema, traits, default: rateLimit },
    {
      carry,
      metrics,
      counters,
      inFlight: new MemoryInFlight(),
      purges: new Purges(),
      answers: () => null,
      siblings: null,
      log: createLog({ destination: { write: (line) => void log.push(JSON.parse(line)) } }),
      consumers: { byKeyHash: () => undefined, byToken: () => undefined, byCertificate: () => [] },
      reads: [],
      secrets: [],
      folder: '/',
      digest: '',
    },
  )
  return {
    counters,
    log,
    carry,
    close,
    /** `pass`, or the code it was refused with. */
    async send(exchange = dryExchange(false)): Promise<string> {
      try {
        await onRequest[0]!(exchange.request, exchange.reply)
        return 'pass'
      } catch (error) {
        if (error instanceof Problem) return error.code
        throw error
      }
    },
    async decisions(): Promise<Record<string, number>> {
      const lines = (await metrics.text()).matchAll(/ratelimit_decisions_total\{[^}]*decision="(\w+)"\} (\d+)/g)
      return Object.fromEntries([...lines].map(([, decision, count]) => [decision!, Number(count)]))
    },
  }
}

function dryExchange(dry: boolean): Exchange {
  const exchange = new Exchange({
    listener: { name: 'listen[0]', protocol: 'http' },
    method: 'GET',
    rawHeaders: [],
    authority: 'a',
    host: 'a',
    path: '/',
    query: '',
    scheme: 'http',
    clientAddress: '192.0.2.1',
    peerAddress: '192.0.2.1',
    trusted: false,
    id: '1',
    body: { kind: 'none' },
    expectsContinue: false,
    upgrade: false,
  })
  Object.defineProperty(exchange, 'dry', { value: dry })
  exchange.recording = true
  return exchange
}

describe('while the store is out of reach', () => {
  test('counts in this process alone by default', async () => {
    const { counters, send, decisions } = await open()
    counters.reachable = false

    expect([await send(), await send(), await send()]).toEqual(['pass', 'pass', 'rate-limited'])
    expect(await decisions()).toEqual({ allow: 0, deny: 1, would_deny: 0, degraded: 2 })
  })

  test('lets everything pass under allow', async () => {
    const { counters, send, decisions } = await open({ onStoreFailure: 'allow' })
    counters.reachable = false

    expect([await send(), await send(), await send()]).toEqual(['pass', 'pass', 'pass'])
    expect(await decisions()).toEqual({ allow: 0, deny: 0, would_deny: 0, degraded: 3 })
  })

  test('refuses with store-unavailable under deny', async () => {
    const { counters, send, decisions } = await open({ onStoreFailure: 'deny' })
    counters.reachable = false

    expect(await send()).toBe('store-unavailable')
    expect(await decisions()).toEqual({ allow: 0, deny: 1, would_deny: 0, degraded: 0 })
  })

  test('goes by the shared count again as soon as it answers', async () => {
    const { counters, send } = await open()

    expect([await send(), await send()]).toEqual(['pass', 'pass'])
    counters.reachable = false
    expect(await send()).toBe('pass')
    counters.reachable = true
    expect(await send()).toBe('rate-limited')
  })
})

test('counts nothing in a dry run, and decides as it would', async () => {
  const { send, decisions } = await open()

  expect([await send(dryExchange(true)), await send(dryExchange(true)), await send(dryExchange(true))]).toEqual([
    'pass',
    'pass',
    'pass',
  ])
  await send()
  await send()
  const exchange = dryExchange(true)
  expect(await send(exchange)).toBe('rate-limited')
  expect(exchange.decisions).toMatchObject([
    { verdict: 'refuse', reason: 'rate-limited', inputs: { key: '@192.0.2.1', max: 2, remaining: 0 } },
  ])
  expect(await decisions()).toMatchObject({ allow: 2, deny: 0 })
})

test('lets go of all it carries', async () => {
  const { carry, close } = await open()

  close()

  expect(carry.size).toBe(0)
})
