/** Traffic divided among upstreams. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { Split } from '../../src/upstream/split.ts'
import type { Upstream } from '../../src/upstream/upstream.ts'
import { openRehearsal } from '../explain/open.ts'
import { startGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'

async function twoOrigins() {
  const [old, fresh] = await Promise.all(['old', 'new'].map((name) => startOrigin((_, response) => response.end(name))))
  return {
    old: old!,
    fresh: fresh!,
    async [Symbol.asyncDispose]() {
      await Promise.all([old, fresh].map((origin) => origin![Symbol.asyncDispose]()))
    },
  }
}

function config({ old, fresh }: { old: Origin; fresh: Origin }, weights: readonly [number, number], rest = ''): string {
  return `
upstreams: { old: "${old.url}", new: "${fresh.url}" }
routes:
  all:
    match: /*
    public: test
    upstream: [{ upstream: old, weight: ${weights[0]} }, { upstream: new, weight: ${weights[1]} }]
    ${rest}`
}

const named = (name: string) => ({ name }) as Upstream

test.for([
  [0, 'a'],
  [0.899, 'a'],
  [0.9, 'b'],
  [0.999_999, 'b'],
] as const)('of 90 to 0 to 10, point %f falls to %s', ([point, expected]) => {
  const shares = [named('a'), named('none'), named('b')]
  const split = new Split(
    [90, 0, 10].map((weight, index) => ({ upstream: shares[index]!, weight })),
    null,
  )

  expect(split.at(point).name).toBe(expected)
})

test('requests are divided by weight, and an upstream with weight 0 gets none', async () => {
  await using origins = await twoOrigins()
  await using gateway = await startGateway(config(origins, [1, 1]))

  for (let request = 0; request < 100; request++) await gateway.fetch('/')
  expect(origins.old.requests.length).toBeGreaterThan(20)
  expect(origins.fresh.requests.length).toBeGreaterThan(20)

  const before = origins.fresh.requests.length
  await gateway.reload(config(origins, [1, 0]))
  for (let request = 0; request < 20; request++) expect(await (await gateway.fetch('/')).text()).toBe('old')
  expect(origins.fresh.requests.length).toBe(before)
})

test.for([
  ['header:x-user', (user: string) => ({ headers: { 'x-user': user } })],
  ['cookie:user', (user: string) => ({ headers: { cookie: `user=${user}` } })],
] as const)('by %s a client stays on its side, and a changed weight moves only the difference', async ([by, init]) => {
  await using origins = await twoOrigins()
  await using gateway = await startGateway(config(origins, [90, 10], `split: { by: "${by}" }`))
  const users = Array.from({ length: 150 }, (_, index) => `user-${index}`)
  const sides = () => Promise.all(users.map(async (user) => (await gateway.fetch('/', init(user))).text()))

  const first = await sides()
  expect(first.filter((side) => side === 'new').length).toBeGreaterThan(3)
  expect(first.filter((side) => side === 'new').length).toBeLessThan(35)
  expect(await sides()).toEqual(first)

  await gateway.reload(config(origins, [50, 50], `split: { by: "${by}" }`))
  const second = await sides()
  const moved = first.flatMap((side, index) => (side === second[index] ? [] : [`${side} to ${second[index]}`]))
  expect(new Set(moved)).toEqual(new Set(['old to new']))
})

test('by consumer everybody stays on a side of their own, from whatever address they come', async () => {
  await using origins = await twoOrigins()
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const hash = (name: string) => createHash('sha256').update(`key-of-${name}`).digest('hex')
  const consumers = names.map((name) => `${name}: { keys: ["sha256:${hash(name)}"] }`).join(', ')
  await using gateway = await startGateway(`
consumers: { ${consumers} }
upstreams: { old: "${origins.old.url}", new: "${origins.fresh.url}" }
routes:
  all:
    match: /*
    upstream: [{ upstream: old }, { upstream: new }]
    split: { by: consumer }
    plugins: [api-key]`)
  const ask = async (name: string) => (await gateway.fetch('/', { headers: { 'x-api-key': `key-of-${name}` } })).text()

  const first = await Promise.all(names.map(ask))
  expect(new Set(first)).toEqual(new Set(['old', 'new']))
  expect(await Promise.all(names.map(ask))).toEqual(first)
})

test('an upgrade goes to the side of its key', async () => {
  await using origins = await twoOrigins()
  for (const [origin, name] of [[origins.old, 'old'] as const, [origins.fresh, 'new'] as const]) {
    new WebSocketServer({ server: origin.server }).on('connection', (socket) => socket.send(name))
  }
  await using gateway = await startGateway(config(origins, [50, 50], 'split: { by: header:x-user }'))

  for (const user of ['a', 'b', 'c', 'd']) {
    const headers = { 'x-user': user }
    const expected = await (await gateway.fetch('/', { headers })).text()
    const socket = new WebSocket(gateway.url.replace('http', 'ws'), { headers })
    const [answer] = await new Promise<[Buffer]>((resolve, reject) => {
      socket.on('message', (message) => resolve([message as Buffer]))
      socket.on('error', reject)
    })
    socket.close()
    expect(answer.toString()).toBe(expected)
  }
})

test('the admin listener shows the shares as the file has them', async () => {
  await using origins = await twoOrigins()
  await using gateway = await startGateway(config(origins, [0, 1], 'split: { by: ip }'))

  const { routes } = (await (await fetch(`${gateway.adminUrl}/api/routes`)).json()) as { routes: object[] }
  expect(routes[0]).toMatchObject({
    upstream: [
      { upstream: 'old', weight: 0 },
      { upstream: 'new', weight: 1 },
    ],
    split: { by: 'ip' },
  })
})

test('a dry run records the shares, and without a key says where most requests go', async () => {
  const shares = '[{ upstream: "http://10.0.0.1", weight: 5 }, { upstream: "http://10.0.0.2", weight: 95 }]'
  await using open = await openRehearsal(`routes: { all: { match: /*, upstream: ${shares}, public: test } }`)

  const { exchange } = await open.run({ method: 'GET', url: '/' })
  expect(exchange.upstreamName).toBe('http://10.0.0.2')
  expect(exchange.decisions.find(({ reason }) => reason === 'split')).toMatchObject({
    item: 'upstream',
    inputs: {
      by: null,
      shares: [
        { upstream: 'http://10.0.0.1', weight: 5 },
        { upstream: 'http://10.0.0.2', weight: 95 },
      ],
    },
  })
})
