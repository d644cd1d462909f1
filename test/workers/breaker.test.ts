/** A breaker that one thread opens is open in all of them, and one trial is made for all. */
import { expect, test, vi } from 'vitest'
import { startOrigin } from '../support/origin.ts'
import { metric, once, startTwo } from './setup.ts'

const state = 'sluice_breaker_state{upstream="main",target="ORIGIN"}'

test('threads learn from each other that a target fails, and that it is well again', async () => {
  let answer = (reply: { writeHead(status: number): { end(): void } }) => void reply.writeHead(500).end()
  await using origin = await startOrigin((_, reply) => answer(reply))
  await using gateway = await startTwo(`
upstreams: { main: { targets: ["${origin.url}"], breaker: { failures: 10, open: 3s } } }
routes: { all: { match: /*, upstream: main, public: test } }
`)
  const several = () => Promise.all(Array.from({ length: 12 }, () => once(gateway.url)))

  const untilAll = (status: number) =>
    vi.waitFor(async () => expect(new Set(await several())).toEqual(new Set([status])), 60_000)
  /** The worst that any thread says: 2 as long as one of them is open, 1 when the time of all is over. */
  const untilWorst = (value: number) =>
    vi.waitFor(async () => expect(await metric(gateway, state.replace('ORIGIN', origin.url))).toBe(value), 60_000)

  while ((await once(gateway.url)) !== 503);
  await untilAll(503)
  // Nine of the other's own at most: its tenth would have opened it.
  expect(origin.requests.length).toBeLessThan(20)

  const held: (() => void)[] = []
  answer = (reply) => void held.push(() => reply.writeHead(200).end())
  await untilWorst(1)
  const trial = once(gateway.url)
  await vi.waitFor(() => expect(held).toHaveLength(1), { interval: 2, timeout: 60_000 })
  // The other has heard that it is tried, and stays open meanwhile.
  await untilWorst(2)
  expect(new Set(await several())).toEqual(new Set([503]))

  answer = (reply) => void reply.writeHead(200).end()
  held[0]!()
  expect(await trial).toBe(200)
  await untilWorst(0)
  expect(new Set(await several())).toEqual(new Set([200]))
})
