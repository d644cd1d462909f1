import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { deadPort } from '../support/ports.ts'
import { dyingOrigin, routeTo } from './failing-origins.ts'

const breaker = 'breaker: { failures: 3, window: 10s, open: 30s }'

/** The gauge of each target, by its order in the file. */
async function states(gateway: { metrics(): Promise<string> }): Promise<number[]> {
  const lines = (await gateway.metrics()).matchAll(/^sluice_breaker_state\{.*\} (\d)$/gm)
  return Array.from(lines, ([, state]) => Number(state))
}

describe('a circuit breaker', () => {
  test('opens after failures in a row, and then answers 503 with Retry-After and connects no more', async () => {
    await using dying = await dyingOrigin()
    await using gateway = await startGateway(routeTo([dying.port], breaker))
    for (let i = 0; i < 3; i++) expect((await gateway.fetch('/')).status).toBe(502)
    const before = dying.connections.length

    const answers = await Promise.all(Array.from({ length: 20 }, () => gateway.fetch('/')))

    expect(answers.every(({ status }) => status === 503)).toBe(true)
    expect(answers[0]!.headers.get('retry-after')).toBe('30')
    expect(((await answers[0]!.json()) as { code: string }).code).toBe('upstream-unavailable')
    expect(dying.connections.length).toBe(before)
    expect(await states(gateway)).toEqual([2])
    expect(gateway.log.filter(({ message }) => message === 'a circuit breaker opened').length).toBe(1)
  })

  test('leaves the other targets to serve', async () => {
    await using dying = await dyingOrigin()
    await using origin = await startOrigin()
    await using gateway = await startGateway(routeTo([dying.port, origin.port], breaker))
    const seen = new Set<number>()
    for (let i = 0; i < 6; i++) seen.add((await gateway.fetch('/')).status)

    const after = await Promise.all(Array.from({ length: 20 }, () => gateway.fetch('/')))

    expect([...seen].sort()).toEqual([200, 502])
    expect(after.every(({ status }) => status === 200)).toBe(true)
    expect(await states(gateway)).toEqual([2, 0])
  })

  test('closes after one good trial, and lets one request at a time try', async () => {
    let failing = true
    const waiting: (() => void)[] = []
    await using origin = await startOrigin((_, reply) => {
      if (failing) reply.writeHead(500).end()
      else waiting.push(() => reply.end('ok'))
    })
    await using gateway = await startGateway(routeTo([origin.port], 'breaker: { failures: 3, open: 1s }'))
    for (let i = 0; i < 3; i++) await gateway.fetch('/')
    expect(await states(gateway)).toEqual([2])
    failing = false
    while ((await states(gateway))[0] !== 1) await pause(2)

    const trial = gateway.fetch('/')
    while (waiting.length === 0) await pause(2)
    const others = await Promise.all([1, 2, 3].map(() => gateway.fetch('/')))
    waiting[0]!()

    expect(others.map(({ status }) => status)).toEqual([503, 503, 503])
    expect([(await trial).status, origin.requests.length]).toEqual([200, 4])
    expect(await states(gateway)).toEqual([0])
  })

  test('gives its trial back when the client of it leaves', async () => {
    let failing = true
    await using origin = await startOrigin((_, reply) => {
      if (failing) reply.writeHead(500).end()
    })
    await using gateway = await startGateway(routeTo([origin.port], 'breaker: { failures: 1, open: 50ms }'))
    await gateway.fetch('/')
    failing = false
    while ((await states(gateway))[0] !== 1) await pause(2)
    const client = new AbortController()
    const trial = gateway.fetch('/', { signal: client.signal })
    while (origin.requests.length < 2) await pause(2)
    client.abort()
    await expect(trial).rejects.toThrow()

    // Until the gateway has seen the client go, others are refused.
    while (origin.requests.length < 3) {
      await gateway.fetch('/', { signal: AbortSignal.timeout(50) }).catch(() => {})
    }
    expect(await states(gateway)).toEqual([1])
  })

  test('survives a reload that does not change it', async () => {
    const targets = [await deadPort()]
    await using gateway = await startGateway(routeTo(targets, breaker))
    for (let i = 0; i < 3; i++) await gateway.fetch('/')

    await gateway.reload(`name: other\n${routeTo(targets, breaker)}`)

    expect([(await gateway.fetch('/')).status, await states(gateway)]).toEqual([503, [2]])
    await gateway.reload(routeTo(targets))
    expect([(await gateway.fetch('/')).status, await states(gateway)]).toEqual([502, []])
  })
})
