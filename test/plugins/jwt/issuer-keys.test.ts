/** When an issuer is asked for its keys, over real sockets, on a clock of the test's own. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { download } from '../../../plugins/jwt/download.ts'
import { IssuerKeys } from '../../../plugins/jwt/issuer-keys.ts'
import { KeysUnavailable } from '../../../plugins/jwt/refusal.ts'
import { type Issuer, issuerKey, startIssuer } from './issuer.ts'

const MINUTE = 60_000

describe('the keys of an issuer', () => {
  test('are fetched once for all who wait', async () => {
    await using issuer = await startIssuer(await issuerKey('a'))
    const { keys } = watch(issuer)

    await Promise.all(Array.from({ length: 20 }, () => keys.refresh()))

    expect(issuer.fetches).toBe(1)
    expect(keys.keys?.names('a')).toBe(true)
  })

  test('are unavailable while none was ever fetched, and asked for at most once a second', async () => {
    await using issuer = await startIssuer(await issuerKey('a'))
    issuer.answer = (_, response) => response.writeHead(500).end()
    const { keys, clock } = watch(issuer)

    for (let i = 0; i < 10; i++) await expect(keys.refresh()).rejects.toThrow(KeysUnavailable)
    expect(issuer.fetches).toBe(1)

    issuer.answer = undefined
    clock.now += 1000
    await keys.refresh()
    expect(keys.isCurrent()).toBe(true)
  })

  test('are fetched again for a name that is not there', async () => {
    const [a, b] = [await issuerKey('a'), await issuerKey('b')]
    await using issuer = await startIssuer(a)
    const { keys } = watch(issuer)
    await keys.refresh()
    const [old] = keys.keys!.candidates({ alg: 'ES256', kid: 'a' })

    issuer.keys = [b]
    expect(await keys.renew('b')).toBe(true)

    expect(keys.keys?.names('b')).toBe(true)
    expect(old?.withdrawn).toBe(true)
  })

  test('are fetched five times for a thousand unknown names one after another, then once in ten seconds', async () => {
    await using issuer = await startIssuer(await issuerKey('a'))
    const { keys, clock } = watch(issuer)
    await keys.refresh()

    for (let i = 0; i < 1000; i++) await keys.renew(`random-${i}`)
    expect(issuer.fetches).toBe(1 + 5)

    clock.now += 25_000
    for (let i = 0; i < 1000; i++) await keys.renew(`later-${i}`)
    expect(issuer.fetches).toBe(1 + 5 + 2)
  })

  test('are fetched a handful of times for a thousand unknown names at once', async () => {
    await using issuer = await startIssuer(await issuerKey('a'))
    const { keys } = watch(issuer)
    await keys.refresh()

    await Promise.all(Array.from({ length: 1000 }, (_, i) => keys.renew(`random-${i}`)))

    expect(issuer.fetches).toBeLessThanOrEqual(1 + 5)
  })

  test('are not asked for the same unknown name again within half a minute', async () => {
    await using issuer = await startIssuer(await issuerKey('a'))
    const { keys, clock } = watch(issuer)
    await keys.refresh()
    await keys.renew('gone')

    clock.now += 29_000
    expect(await keys.renew('gone')).toBe(false)
    expect(issuer.fetches).toBe(2)

    clock.now += 1000
    expect(await keys.renew('gone')).toBe(true)
    expect(issuer.fetches).toBe(3)
  })

  test('are found by a token that came while an older fetch was under way', async () => {
    const [a, b] = [await issuerKey('a'), await issuerKey('b')]
    await using issuer = await startIssuer(a)
    const { keys } = watch(issuer)
    await keys.refresh()
    const held = Promise.withResolvers<void>()
    const arrived = Promise.withResolvers<void>()
    issuer.answer = async (_, response) => {
      const before = JSON.stringify({ keys: [a.jwk] })
      issuer.answer = undefined
      arrived.resolve()
      await held.promise
      response.end(before)
    }
    const earlier = keys.renew('other')
    await arrived.promise

    issuer.keys = [b]
    const later = keys.renew('b')
    held.resolve()

    await earlier
    expect(await later).toBe(true)
    expect(keys.keys?.names('b')).toBe(true)
  })

  test('are fetched beside the traffic when they are ten minutes old', async () => {
    const [a, b] = [await issuerKey('a'), await issuerKey('b')]
    await using issuer = await startIssuer(a)
    const { keys, clock } = watch(issuer)
    await keys.refresh()
    issuer.keys = [b]

    clock.now += 10 * MINUTE - 1
    expect(keys.isCurrent()).toBe(true)
    expect(issuer.fetches).toBe(1)
    clock.now += 1
    expect(keys.isCurrent()).toBe(true)

    await expect.poll(() => keys.keys?.names('b')).toBe(true)
    expect(issuer.fetches).toBe(2)
  })

  test('are waited for when they are an hour old', async () => {
    await using issuer = await startIssuer(await issuerKey('a'))
    const { keys, clock } = watch(issuer)
    await keys.refresh()
    issuer.keys = [await issuerKey('b')]

    clock.now += 60 * MINUTE
    expect(keys.isCurrent()).toBe(false)
    await keys.refresh()

    expect(keys.keys?.names('a')).toBe(false)
  })

  test('serve on while the issuer is down, however old', async () => {
    await using issuer = await startIssuer(await issuerKey('a'))
    const { keys, clock, lines } = watch(issuer)
    await keys.refresh()
    await issuer.stop()

    clock.now += 20 * MINUTE
    expect(keys.isCurrent()).toBe(true)
    await expect.poll(() => keys.reachable).toBe(false)
    for (let hours = 0; hours < 5; hours++) {
      clock.now += 60 * MINUTE
      await keys.refresh()
      expect(keys.isCurrent()).toBe(true)
    }

    expect(keys.keys?.names('a')).toBe(true)
    expect(lines).toEqual([["the issuer's keys could not be fetched", { issuer: 'test', cause: 'ECONNREFUSED' }]])
    await issuer.start()
    clock.now += 30_000
    await keys.refresh()
    expect(keys.reachable).toBe(true)
    expect(lines[1]).toEqual(["the issuer's keys are available again", { issuer: 'test' }])
  })

  test('are asked for at most twice a minute while the issuer is down', async () => {
    await using issuer = await startIssuer(await issuerKey('a'))
    const { keys, clock } = watch(issuer)
    await keys.refresh()
    issuer.answer = (_, response) => response.writeHead(503).end()
    clock.now += 60 * MINUTE

    for (let second = 0; second < 60; second++) {
      await keys.refresh()
      clock.now += 1000
    }

    expect(issuer.fetches).toBe(1 + 2)
  })

  test('are all withdrawn when the issuer says that there are none', async () => {
    await using issuer = await startIssuer(await issuerKey('a'))
    const { keys } = watch(issuer)
    await keys.refresh()

    issuer.keys = []
    await keys.renew('b')

    expect(keys.keys?.size).toBe(0)
  })

  test('stand in a list as long as they live', async () => {
    await using issuer = await startIssuer(await issuerKey('a'))
    const { keys, among } = watch(issuer)
    await keys.refresh()

    expect([...among]).toEqual([keys])
    expect(keys.lastSuccess).toBeGreaterThan(Date.now() / 1000 - 10)
    keys.close()
    expect([...among]).toEqual([])
  })
})

describe('a download', () => {
  test('is refused when it is over 1 MiB, compressed or not', async () => {
    await using site = await serve((request, response) => {
      const body = Buffer.alloc(1024 ** 2 + 1, ' ')
      if (request.url === '/plain') return response.end(body)
      return response.setHeader('content-encoding', 'gzip').end(gzipSync(body))
    })

    await expect(download(new URL('/plain', site.url))).rejects.toThrow('more than 1 MiB')
    await expect(download(new URL('/gzip', site.url))).rejects.toThrow('more than 1 MiB')
  })

  test('follows a redirect on the same host, not to another one', async () => {
    await using other = await serve((_, response) => response.end('evil'))
    await using site = await serve((request, response) => {
      if (request.url === '/keys') return response.end('good')
      const to = request.url === '/moved' ? '/keys' : request.url === '/loop' ? '/loop' : other.url
      return response.writeHead(302, { location: to }).end()
    })

    expect(await download(new URL('/moved', site.url))).toBe('good')
    await expect(download(new URL('/away', site.url))).rejects.toThrow('a redirect leads to another host')
    await expect(download(new URL('/loop', site.url))).rejects.toThrow('too many redirects')
  })

  test.for([[204], [404], [500]] as const)('is refused with status %d', async ([status]) => {
    await using site = await serve((_, response) => response.writeHead(status).end())

    await expect(download(new URL(site.url))).rejects.toThrow(`status ${status}`)
  })

  test('ends at its deadline, however the answer trickles', async () => {
    await using site = await serve((_, response) => {
      const drip = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(drip))
    })

    await expect(download(new URL(site.url), 200)).rejects.toThrow('aborted due to timeout')
  })
})

function watch(issuer: Issuer) {
  const clock = { now: 1000 }
  const lines: [string, object][] = []
  const line = (fields: object, message: string) => void lines.push([message, fields])
  const log = { debug: line, info: line, warn: line, error: line }
  const among = new Set<IssuerKeys>()
  const keys = new IssuerKeys({
    load: () => download(new URL(issuer.url)),
    staleMs: 10 * MINUTE,
    issuer: 'test',
    log,
    among,
    now: () => clock.now,
  })
  return { keys, clock, lines, among }
}

async function serve(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}
