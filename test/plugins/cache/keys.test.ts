/** Who gets which stored answer: the key, Vary, and credentials. */
import { describe, expect, test } from 'vitest'
import { startGateway } from '../../support/gateway.ts'
import { startOrigin } from '../../support/origin.ts'
import { exchange } from '../../support/wire.ts'
import { start } from './setup.ts'

describe('the key', () => {
  test('holds path and query byte for byte, and the host with its port', async () => {
    await using setup = await start()
    const get = async (target: string, host: string) => {
      const raw = await exchange(
        setup.gateway.port,
        `GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`,
      )
      return raw.slice(raw.indexOf('\r\n\r\n') + 4)
    }

    const answers: string[] = []
    for (const [target, host] of [
      ['/a?x=1&y=2', 'h'],
      ['/a?y=2&x=1', 'h'],
      ['/A?x=1&y=2', 'h'],
      ['/a?x=1&y=2', 'h:81'],
      ['/a?x=1&y=2', 'other'],
      ['/a?x=%31&y=2', 'h'],
      ['/%61?x=1&y=2', 'H'],
    ] as const)
      answers.push(await get(target, host))

    expect(answers).toEqual(['1', '2', '3', '4', '5', '6', '1'])
  })

  test('is apart for every consumer', async () => {
    await using setup = await start({ above: 'api-key', head: { 'cache-control': 'max-age=60' } })

    const shop = { headers: { 'x-api-key': 'shop' } }
    const app = { headers: { 'x-api-key': 'app' } }

    expect(await setup.ask(shop, app, shop, app)).toEqual(['1 fwd=uri-miss', '2 fwd=uri-miss', '1 hit', '2 hit'])
    expect((await setup.gateway.fetch('/')).status).toBe(401)
  })

  test('is one for all consumers where the route says shared, and still nobody else’s', async () => {
    await using setup = await start({ above: 'api-key', cache: '{ ttl: 1h, shared: true }' })

    expect(await setup.ask({ headers: { 'x-api-key': 'shop' } }, { headers: { 'x-api-key': 'app' } })).toEqual([
      '1 fwd=uri-miss',
      '1 hit',
    ])
    expect((await setup.gateway.fetch('/')).status).toBe(401)
    expect((await setup.gateway.fetch('/', { headers: { 'x-api-key': 'wrong' } })).status).toBe(401)
  })

  test('keeps shared answers apart that the origin says depend on the consumer', async () => {
    await using setup = await start({
      above: 'api-key',
      cache: '{ ttl: 1h, shared: true }',
      head: { vary: 'X-Consumer' },
    })

    const shop = { headers: { 'x-api-key': 'shop' } }
    const app = { headers: { 'x-api-key': 'app' } }

    expect(await setup.ask(shop, app, shop)).toEqual(['1 fwd=uri-miss', '2 fwd=vary-miss', '1 hit'])
  })

  test('keeps the anonymous apart from consumers', async () => {
    await using setup = await start({ above: 'api-key: { optional: true }' })

    const shop = { headers: { 'x-api-key': 'shop' } }

    expect(await setup.ask('/', shop, '/', shop)).toEqual(['1 fwd=uri-miss', '2 fwd=uri-miss', '1 hit', '2 hit'])
  })

  test('is apart for keys that go on to the upstream, where who checks them only observes', async () => {
    await using setup = await start({
      above: 'api-key: { mode: observe, optional: true }',
      answer: ({ headers }, response) => void response.end(`for ${headers['x-api-key'] ?? 'nobody'}`),
    })
    const [ann, bob] = ['ann', 'bob'].map((key) => ({ headers: { 'x-api-key': key } }))

    expect(await setup.ask(ann!, '/', bob!, ann!, '/')).toEqual([
      'for ann fwd=uri-miss',
      'for nobody fwd=uri-miss',
      'for bob fwd=uri-miss',
      'for ann hit',
      'for nobody hit',
    ])
  })

  test('is apart for routes that share a chain', async () => {
    await using one = await startOrigin((_, response) => void response.end('one'))
    await using two = await startOrigin((_, response) => void response.end('two'))
    await using gateway = await startGateway(`
chains: { cached: [cache: { ttl: 1h }] }
routes:
  plain: { match: /*, upstream: "${one.url}", public: test, plugins: [cached] }
  gold: { match: { paths: [/*], headers: { x-tier: gold } }, upstream: "${two.url}", public: test, plugins: [cached] }
`)

    expect(await (await gateway.fetch('/')).text()).toBe('one')
    expect(await (await gateway.fetch('/', { headers: { 'x-tier': 'gold' } })).text()).toBe('two')
  })
})

describe('Vary', () => {
  test('keeps an answer for each value of the fields it names, and compares them as lists', async () => {
    await using setup = await start({ head: { vary: 'Accept-Language, x-a' } })
    const ask = (language: string) => ({ headers: { 'accept-language': language } })

    expect(await setup.ask(ask('de, en'), ask('fr'), ask('de,en'), ask('fr'), '/')).toEqual([
      '1 fwd=uri-miss',
      '2 fwd=vary-miss',
      '1 hit',
      '2 hit',
      '3 fwd=vary-miss',
    ])
  })

  test('with * keeps nothing', async () => {
    await using setup = await start({ head: { vary: '*' } })

    expect(await setup.ask('/', '/')).toEqual(['1 fwd=uri-miss', '2 fwd=uri-miss'])
  })

  test('counts for a compressed answer even where the origin forgot it', async () => {
    await using setup = await start({
      answer: ({ headers }, response) => {
        const zipped = headers['accept-encoding'] === 'x-zip'
        response.writeHead(200, zipped ? { 'content-encoding': 'x-zip' } : {}).end(zipped ? 'zipped' : 'plain')
      },
    })

    const zip = { headers: { 'accept-encoding': 'x-zip' } }
    const plain = { headers: { 'accept-encoding': 'identity' } }

    expect(await setup.ask(zip, plain, zip)).toEqual([
      'zipped fwd=uri-miss',
      'plain fwd=vary-miss',
      expect.stringMatching(/^(zipped|plain) hit$/),
    ])
  })
})

describe('credentials', () => {
  test.for([
    ['authorization', { authorization: 'Basic eA==' }],
    ['cookie', { cookie: 'session=1' }],
  ] as const)('in %s that no plugin took keep the gateway’s own ttl out, both ways', async ([, headers]) => {
    await using setup = await start()

    expect(await setup.ask({ headers }, { headers }, '/', '/', { headers })).toEqual([
      '1 fwd=uri-miss',
      '2 fwd=uri-miss',
      '3 fwd=uri-miss',
      '3 hit',
      '4 fwd=request',
    ])
  })

  test('never make a stored answer of somebody’s own without the origin’s word', async () => {
    await using setup = await start({ head: { 'cache-control': 'max-age=60' } })
    const mine = { headers: { authorization: 'Bearer x' } }

    expect(await setup.ask(mine, mine, '/')).toEqual(['1 fwd=uri-miss', '2 fwd=uri-miss', '3 fwd=uri-miss'])
  })

  test('allow to keep what the origin calls public', async () => {
    await using setup = await start({ head: { 'cache-control': 'public, max-age=60' } })

    expect(await setup.ask({ headers: { authorization: 'Bearer x' } }, '/')).toEqual(['1 fwd=uri-miss', '1 hit'])
  })
})
