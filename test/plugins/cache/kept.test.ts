/** What is kept, what is not, and what is forgotten: over sockets, with answers that break off. */
import { describe, expect, test } from 'vitest'
import { exchange, openWire } from '../../support/wire.ts'
import { type Ask, start } from './setup.ts'

describe('is passed by', () => {
  const passing: readonly (readonly [name: string, request: Ask, said: string])[] = [
    ['a part of an answer', { headers: { range: 'bytes=0-1' } }, 'fwd=bypass'],
    ['a condition for the origin', { headers: { 'if-match': '"a"' } }, 'fwd=bypass'],
    ['a request that wants a fresh answer', { headers: { 'cache-control': 'no-cache' } }, 'fwd=request'],
    ['Pragma: no-cache', { headers: { pragma: 'no-cache' } }, 'fwd=request'],
    ['max-age=0', { headers: { 'cache-control': 'max-age=0' } }, 'fwd=request'],
    ['a request whose answer is not to be stored', { headers: { 'cache-control': 'no-store' } }, 'fwd=request'],
    ['OPTIONS', { method: 'OPTIONS' }, 'fwd=method'],
  ]

  test('requests that the cache may not answer, or that do not want its answer', async () => {
    await using setup = await start()
    const found: string[] = []

    for (const [index, [name, request]] of passing.entries()) {
      const path = `/${index}`
      const [kept, asked] = await setup.ask(path, { ...request, path })
      found.push(`${name}: ${kept?.split(' ')[0] === asked?.split(' ')[0] ? 'hit' : asked?.split(' ')[1]}`)
    }

    expect(found).toEqual(passing.map(([name, , said]) => `${name}: ${said}`))
  })

  test('a GET with a body', async () => {
    await using setup = await start()
    const host = `127.0.0.1:${setup.gateway.port}`
    await setup.ask('/')

    const raw = await exchange(
      setup.gateway.port,
      `GET / HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx`,
    )

    expect(raw).toContain('cache-status: sluice; fwd=bypass')
    expect(raw.endsWith('\r\n\r\n2')).toBe(true)
    expect(await setup.ask('/')).toEqual(['1 hit'])
  })
})

describe('keeps nothing', () => {
  test('of an answer that breaks off', async () => {
    let count = 0
    await using setup = await start({
      cache: '{ ttl: 1h }',
      answer: (_, response) => {
        count++
        response.writeHead(200, { 'content-length': 10 })
        if (count > 1) response.end('0123456789')
        else response.write('01234', () => response.destroy())
      },
    })

    await expect(setup.gateway.fetch('/').then((answer) => answer.text())).rejects.toThrow()

    expect(await setup.ask('/', '/')).toEqual(['0123456789 fwd=uri-miss', '0123456789 hit'])
  })

  test('of an answer whose client left', async () => {
    let finish = () => {}
    await using setup = await start({
      answer: (_, response) => {
        response.writeHead(200, { 'content-length': 10 }).write('01234')
        finish = () => response.end('56789')
      },
    })
    const wire = await openWire(setup.gateway.port)
    wire.send(`GET / HTTP/1.1\r\nhost: 127.0.0.1:${setup.gateway.port}\r\n\r\n`)
    await wire.until(/01234/)
    wire.close()
    await expect.poll(async () => /cache_bytes (\d+)/.exec(await setup.gateway.metrics())?.[1]).toBe('0')
    finish()

    const next = setup.gateway.fetch('/')
    await expect.poll(() => setup.origin.requests.length).toBe(2)
    finish()
    const answer = await next
    expect(answer.headers.get('cache-status')).toBe('sluice; fwd=uri-miss; stored')
    expect(await answer.text()).toBe('0123456789')
  })

  test('of a body that is too large, whether or not its length is known', async () => {
    await using setup = await start({
      cache: '{ ttl: 1h, maxObject: 1KiB }',
      answer: ({ url }, response) => {
        if (url === '/known') response.setHeader('content-length', 1025)
        response.write('x'.repeat(1000))
        response.end('x'.repeat(25))
      },
    })

    for (const path of ['/known', '/chunked', '/known', '/chunked']) {
      const answer = await setup.gateway.fetch(path)
      expect(answer.headers.get('cache-status')).toContain('fwd=uri-miss')
      expect((await answer.text()).length).toBe(1025)
    }
  })

  test('of the gateway’s own problems', async () => {
    await using setup = await start()
    setup.origin.server.close()
    setup.origin.server.closeAllConnections()

    const answers = [await setup.gateway.fetch('/'), await setup.gateway.fetch('/')]

    expect(answers.map((answer) => answer.status)).toEqual([502, 502])
    expect(answers.map((answer) => answer.headers.get('cache-status'))).toEqual([null, null])
  })
})

test('keeps a chunked answer whole', async () => {
  const body = 'x'.repeat(100_000)
  await using setup = await start({
    answer: (_, response) => {
      response.write(body.slice(0, 30_000))
      setImmediate(() => response.end(body.slice(30_000)))
    },
  })

  const [first, second] = await setup.ask('/', '/')

  expect(first === `${body} fwd=uri-miss`).toBe(true)
  expect(second === `${body} hit`).toBe(true)
})

test('forgets a URI, for everybody, when an unsafe request to it succeeds', async () => {
  let count = 0
  await using setup = await start({
    above: 'api-key',
    answer: (request, response) => {
      count++
      response.statusCode = request.headers['x-fail'] === undefined ? 200 : 400
      if (request.method === 'POST') response.setHeader('location', '/b')
      response.end(String(count))
    },
  })
  const shop = { 'x-api-key': 'shop' }
  const app = { 'x-api-key': 'app' }
  await setup.ask({ headers: shop }, { headers: app }, { path: '/b', headers: app }, { path: '/c', headers: app })

  await setup.ask({ method: 'POST', headers: { ...shop, 'x-fail': '1' } })
  expect(await setup.ask({ headers: app })).toEqual(['2 hit'])

  await setup.ask({ method: 'POST', headers: shop })
  expect(
    await setup.ask({ headers: app }, { headers: shop }, { path: '/b', headers: app }, { path: '/c', headers: app }),
  ).toEqual(['7 fwd=uri-miss', '8 fwd=uri-miss', '9 fwd=uri-miss', '4 hit'])
})
