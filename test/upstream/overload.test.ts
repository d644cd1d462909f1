/** Targets that have as many connections as they may: waiting, being refused, and leaving. */
import { expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { openWire } from '../support/wire.ts'

/** An origin that answers when it is told to. */
async function holdingOrigin() {
  const held: (() => void)[] = []
  const origin = await startOrigin((request, response) => void held.push(() => response.end(request.url)))
  return {
    url: origin.url,
    requests: origin.requests,
    /** Answers the oldest request, once there is one. */
    async answer() {
      while (held.length === 0) await new Promise(setImmediate)
      held.shift()!()
    },
    [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose](),
  }
}

const config = (targets: readonly string[], connections: string) => `
upstreams: { busy: { targets: [${targets.map((url) => `"${url}"`).join(', ')}], connections: ${connections} } }
routes: { all: { match: /*, upstream: busy, public: test } }`

async function waiting(gateway: TestGateway, count: number): Promise<void> {
  for (;;) {
    const { upstreams } = (await (await fetch(`${gateway.adminUrl}/api/upstreams`)).json()) as {
      upstreams: { targets: { queued: number }[] }[]
    }
    if (upstreams[0]!.targets.reduce((sum, { queued }) => sum + queued, 0) === count) return
  }
}

test('a request that finds the connection taken and the queue full is refused at once', async () => {
  await using origin = await holdingOrigin()
  await using gateway = await startGateway(config([origin.url], '{ max: 1, queue: 1 }'))
  const first = gateway.fetch('/1')
  while (origin.requests.length < 1) await new Promise(setImmediate)
  const second = gateway.fetch('/2')
  await waiting(gateway, 1)

  const third = await gateway.fetch('/3')
  expect([third.status, third.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await third.json()).toMatchObject({ code: 'upstream-overloaded' })

  await origin.answer()
  expect(await (await first).text()).toBe('/1')
  await origin.answer()
  expect(await (await second).text()).toBe('/2')
})

test('a request that waits too long is refused, and never reaches the upstream', async () => {
  await using origin = await holdingOrigin()
  await using gateway = await startGateway(config([origin.url], '{ max: 1, queueTimeout: 50ms }'))
  const first = gateway.fetch('/1')
  while (origin.requests.length < 1) await new Promise(setImmediate)

  const second = await gateway.fetch('/2')
  expect([second.status, second.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await second.json()).toMatchObject({ code: 'upstream-overloaded' })
  await origin.answer()
  expect((await first).status).toBe(200)
  expect(origin.requests.map(({ url }) => url)).toEqual(['/1'])
})

test('a client that leaves gives its place in the queue up', async () => {
  await using origin = await holdingOrigin()
  await using gateway = await startGateway(config([origin.url], '{ max: 1, queue: 1 }'))
  const first = gateway.fetch('/1')
  while (origin.requests.length < 1) await new Promise(setImmediate)
  const leaving = await openWire(gateway.port)
  leaving.send('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
  await waiting(gateway, 1)

  leaving.close()
  await waiting(gateway, 0)
  const third = gateway.fetch('/3')
  await waiting(gateway, 1)
  await origin.answer()
  await first
  await origin.answer()
  expect(await (await third).text()).toBe('/3')
  expect(origin.requests.map(({ url }) => url)).toEqual(['/1', '/3'])
})

test('no request waits while another target has a connection free', async () => {
  await using one = await holdingOrigin()
  await using other = await holdingOrigin()
  await using gateway = await startGateway(config([one.url, other.url], '{ max: 1, queue: 4 }'))
  const held = gateway.fetch('/held')
  while (one.requests.length < 1) await new Promise(setImmediate)

  for (let request = 1; request <= 4; request++) {
    const answer = gateway.fetch('/')
    await other.answer()
    expect((await answer).status).toBe(200)
    expect([one.requests.length, other.requests.length]).toEqual([1, request])
  }
  await one.answer()
  expect((await held).status).toBe(200)
})
