/** Answers forgotten by request of an operator: in one gateway, and in all that share a Redis. */
import { expect, test } from 'vitest'
import { connectTo } from '../../src/redis/connect.ts'
import { FleetPurges } from '../../src/redis/fleet-purges.ts'
import { Link } from '../../src/redis/link.ts'
import { isPurged, type Purge } from '../../src/state/purges.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'

const tagged = () => {
  let count = 0
  return startOrigin((request, response) => {
    count++
    const tag = request.url!.split('/').at(-1)!
    response.writeHead(200, { 'cache-tag': `all, ${tag}`, 'surrogate-key': 'a b' }).end(String(count))
  })
}

const cached = (origin: Origin, store = 'memory') => `
store: ${store}
routes:
  orders: { match: /orders/*, upstream: "${origin.url}", public: test, plugins: [cache: { ttl: 1h }] }
  carts: { match: /carts/*, upstream: "${origin.url}", public: test, plugins: [cache: { ttl: 1h }] }
`

async function hits(gateway: TestGateway, ...paths: string[]): Promise<boolean[]> {
  const found: boolean[] = []
  for (const path of paths) {
    const answer = await gateway.fetch(path)
    await answer.text()
    found.push(answer.headers.get('cache-status')!.includes('; hit'))
  }
  return found
}

async function purge(gateway: TestGateway, body: unknown) {
  const answer = await fetch(`${gateway.adminUrl}/api/cache/purge`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: answer.status, ...((await answer.json()) as { purged?: number; code?: string }) }
}

const paths = ['/orders/1', '/orders/2?x=1', '/carts/1']

test.for<[Purge | ((gateway: TestGateway) => Purge), boolean[]]>([
  [{ route: 'orders' }, [false, false, true]],
  [{ url: '/orders/1' }, [false, true, true]],
  [{ url: '/orders/2' }, [true, true, true]],
  [{ url: '/orders/2*' }, [true, false, true]],
  [({ url }) => ({ url: `${url}/carts/1` }), [true, true, false]],
  [({ url }) => ({ url: `${url}/*` }), [false, false, false]],
  [{ tag: '1' }, [false, true, false]],
  [{ tag: 'all' }, [false, false, false]],
  [{ tag: 'b' }, [false, false, false]],
  [{ tag: '1', route: 'carts' }, [true, true, false]],
])('forgets what %j means, and nothing else', async ([asked, kept]) => {
  await using origin = await tagged()
  await using gateway = await startGateway(cached(origin))
  await hits(gateway, ...paths)
  expect(await hits(gateway, ...paths)).toEqual([true, true, true])

  const answer = await purge(gateway, typeof asked === 'function' ? asked(gateway) : asked)

  expect(answer).toEqual({ status: 200, purged: kept.filter((one) => !one).length })
  expect(await hits(gateway, ...paths)).toEqual(kept)
})

test('keeps no answer that was asked for before a purge', async () => {
  let answerIt = () => {}
  await using origin = await startOrigin((_, response) => {
    answerIt = () => response.writeHead(200).end('old')
  })
  await using gateway = await startGateway(cached(origin))
  const first = gateway.fetch('/orders/1')
  await expect.poll(() => origin.requests.length).toBe(1)

  expect(await purge(gateway, { route: 'orders' })).toEqual({ status: 200, purged: 0 })
  answerIt()

  expect(await (await first).text()).toBe('old')
  const second = hits(gateway, '/orders/1')
  await expect.poll(() => origin.requests.length).toBe(2)
  answerIt()
  expect(await second).toEqual([false])
})

test('says what is wrong with a purge that says nothing', async () => {
  await using origin = await tagged()
  await using gateway = await startGateway(cached(origin))

  for (const body of [{}, [], null, 'all', { routes: 'orders' }, { route: '' }, { route: 5 }, { route: 'order' }]) {
    expect(await purge(gateway, body)).toMatchObject({ status: 400, code: 'bad-request' })
  }
})

test('reaches every gateway of a fleet within a second, and says when it cannot', async () => {
  await using redis = await startRedis()
  await using origin = await tagged()
  await using one = await startGateway(cached(origin, redis.url))
  await using other = await startGateway(cached(origin, redis.url))
  await hits(one, ...paths)
  await hits(other, ...paths)

  expect(await purge(one, { tag: '1' })).toEqual({ status: 200, purged: 2 })
  expect(await hits(one, '/orders/2?x=1')).toEqual([true])
  const isGone = async () => (await other.metrics()).match(/^sluice_cache_bytes (\d+)$/m)![1]
  const before = await isGone()
  await expect.poll(isGone).not.toBe(before)
  expect(await hits(other, ...paths)).toEqual([false, true, false])

  await redis.kill()
  expect(await purge(one, { route: 'orders' })).toMatchObject({ status: 503, code: 'store-unavailable' })
  expect(await hits(one, '/orders/2?x=1')).toEqual([false])
})

test('forgets everything when more was purged than anybody remembers', async () => {
  await using redis = await startRedis()
  const connect = connectTo({
    ...{ kind: 'redis', host: '127.0.0.1', port: redis.port, database: 0, username: undefined, password: undefined },
    ...{ tls: null, timeoutMs: 5000, onFailure: 'local', keyGraceMs: 0, prefix: 'p:' },
  })
  const heard: Purge[] = []
  const link = () => {
    const probe = async () => {}
    return new Link({ connect, timeoutMs: 5000, probe, tolerated: new Set(), opened: () => {}, closed: () => {} })
  }
  const [near, far] = [link(), link()]
  await near.start()
  await far.start()
  const teller = new FleetPurges({ link: near, prefix: 'p:', purged: () => {} })
  const hearer = new FleetPurges({ link: far, prefix: 'p:', purged: (purge) => void heard.push(purge) })
  await teller.tell({ tag: 'before' })
  await hearer.start()
  hearer.stop()
  expect(heard).toEqual([])

  await teller.tell({ tag: 'one' })
  await teller.tell({ tag: 'one' })
  await hearer.pull()
  expect(heard.splice(0)).toEqual([{ tag: 'one' }])

  await Promise.all(Array.from({ length: 1100 }, (_, i) => teller.tell({ tag: String(i) })))
  await hearer.pull()
  expect(heard.splice(0)).toEqual([{}])
  expect(await redis.client.hlen('p:{purges}')).toBe(1000)
  near.end()
  far.end()
})

test.for<[Purge, boolean]>([
  [{}, true],
  [{ url: 'http://a/x?q=1' }, true],
  [{ url: 'http://a/x' }, false],
  [{ url: 'http://a/x*' }, true],
  [{ url: '/x?q=1' }, true],
  [{ url: '/x' }, false],
  [{ url: '/*' }, true],
  [{ url: '*' }, true],
  [{ tag: 't', route: 'other' }, false],
])('%j means the answer, or not', ([asked, meant]) => {
  expect(isPurged(asked, { route: 'r', uri: 'http://a/x?q=1', tags: ['t'] })).toBe(meant)
})
