/** Targets taken out of service by the operator, and what is shown of them. */
import { expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'

interface Shown {
  readonly name: string
  readonly balance: unknown
  readonly targets: readonly Record<string, unknown>[]
}

async function upstreams(gateway: TestGateway): Promise<Shown[]> {
  return ((await (await fetch(`${gateway.adminUrl}/api/upstreams`)).json()) as { upstreams: Shown[] }).upstreams
}

function post(gateway: TestGateway, path: string): Promise<Response> {
  return fetch(`${gateway.adminUrl}/api/upstreams/${path}`, { method: 'POST' })
}

async function answers(gateway: TestGateway, times: number): Promise<string> {
  let names = ''
  for (let request = 0; request < times; request++) names += await (await gateway.fetch('/')).text()
  return names
}

const named = (name: string) => startOrigin((_, response) => response.end(name))
const config = (urls: readonly string[], rest = '') => `
upstreams: { named: { targets: [${urls.map((url) => `"${url}"`).join(', ')}] ${rest} } }
routes: { all: { match: /*, upstream: named, public: test } }`

test('a drained target gets no requests, over a reload too, until it is undrained', async () => {
  await using a = await named('a')
  await using b = await named('b')
  await using gateway = await startGateway(config([a.url, b.url]))

  const drained = await post(gateway, 'named/targets/0/drain')
  expect([drained.status, await drained.json()]).toEqual([200, { upstream: 'named', target: a.url, draining: true }])
  expect(await answers(gateway, 4)).toBe('bbbb')

  await gateway.reload(config([b.url, a.url], ', timeouts: { connect: 1s }'))
  expect(await answers(gateway, 4)).toBe('bbbb')

  expect((await post(gateway, `named/targets/${encodeURIComponent(a.url)}/undrain`)).status).toBe(200)
  expect([...(await answers(gateway, 4))].sort().join('')).toBe('aabb')
})

test('a drained target finishes the requests it has', async () => {
  const held: (() => void)[] = []
  await using a = await startOrigin((_, response) => void held.push(() => response.end('whole')))
  await using gateway = await startGateway(config([a.url]))
  const open = gateway.fetch('/')
  while (held.length === 0) await new Promise(setImmediate)

  await post(gateway, 'named/targets/0/drain')
  const refused = await gateway.fetch('/')
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await refused.json()).toMatchObject({ code: 'upstream-unavailable' })
  expect((await upstreams(gateway))[0]!.targets[0]).toMatchObject({ state: 'draining', active: 1, idle: 0 })
  held[0]!()
  expect(await (await open).text()).toBe('whole')
})

test('a target that leaves the file and comes back is not drained', async () => {
  await using a = await named('a')
  await using b = await named('b')
  await using gateway = await startGateway(config([a.url, b.url]))
  await post(gateway, 'named/targets/0/drain')

  await gateway.reload(config([b.url]))
  await gateway.reload(config([a.url]))
  expect(await answers(gateway, 2)).toBe('aa')
})

test('the state of every target is shown', async () => {
  await using a = await named('a')
  await using gateway = await startGateway(`
upstreams: { named: { targets: [{ url: "${a.url}", weight: 3 }, "http://localhost:1"], balance: { hash: header:x-user } } }
routes: { all: { match: /*, upstream: "${a.url}", public: test } }`)
  await gateway.fetch('/')

  const nothing = { active: 0, idle: 0, pending: 0, queued: 0, tunnels: 0, addresses: [] }
  const up = { state: 'up', reason: null, breaker: 'closed' }
  expect(await upstreams(gateway)).toEqual([
    {
      name: 'named',
      balance: { hash: 'header:x-user' },
      targets: [
        { index: 0, url: a.url, weight: 3, ...up, ...nothing },
        { index: 1, url: 'http://localhost:1', weight: 1, ...up, ...nothing },
      ],
    },
    {
      name: a.url,
      balance: 'round-robin',
      targets: [{ index: 0, url: a.url, weight: 1, ...up, ...nothing, idle: 1 }],
    },
  ])
})

test.for([
  ['nobody/targets/0/drain', 404],
  ['named/targets/2/drain', 404],
  ['named/targets/-1/drain', 404],
  ['named/targets/http%3A%2F%2Fnowhere/drain', 404],
  ['named/targets/0/stop', 404],
  ['named/targets//drain', 404],
  ['named/targets/%zz/drain', 400],
] as const)('POST /api/upstreams/%s is answered %i', async ([path, status]) => {
  await using gateway = await startGateway(config(['http://127.0.0.1:1', 'http://127.0.0.1:2']))

  const answer = await post(gateway, path)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json'])
})

test('draining is asked for with POST', async () => {
  await using gateway = await startGateway(config(['http://127.0.0.1:1']))

  const answer = await fetch(`${gateway.adminUrl}/api/upstreams/named/targets/0/drain`)
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
})
