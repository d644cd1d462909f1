/** Keys that change while the gateway runs: rotation, floods of unknown keys, an issuer that is down, reloads. */
import { describe, expect, test } from 'vitest'
import { goodClaims, ISSUER, issuerKey, sign } from './issuer.ts'
import { startSetup } from './setup.ts'

describe('a rotation at the issuer', () => {
  test('is accepted with the first token that the new key signed', async () => {
    await using setup = await startSetup()
    expect((await setup.send(await sign(setup.key))).status).toBe(200)
    const next = await issuerKey('second')

    setup.issuer.keys = [setup.key, next]

    expect((await setup.send(await sign(next))).status).toBe(200)
    expect((await setup.send(await sign(setup.key))).status).toBe(200)
    expect(setup.issuer.fetches).toBe(2)
  })

  test('is accepted from an issuer that does not name its keys', async () => {
    await using setup = await startSetup({ key: await issuerKey(undefined) })
    expect((await setup.send(await sign(setup.key))).status).toBe(200)
    const next = await issuerKey(undefined)

    setup.issuer.keys = [next]

    expect((await setup.send(await sign(next))).status).toBe(200)
    expect((await setup.send(await sign(setup.key))).status).toBe(401)
  })

  test('ends what the old key signed, though it is known', async () => {
    await using setup = await startSetup()
    const old = await sign(setup.key)
    expect((await setup.send(old)).status).toBe(200)
    const next = await issuerKey('second')

    setup.issuer.keys = [next]
    await setup.send(await sign(next))

    expect((await setup.send(old)).status).toBe(401)
  })
})

describe('a thousand tokens of unknown keys', () => {
  test('cause a handful of fetches, and good tokens pass meanwhile', async () => {
    await using setup = await startSetup()
    const good = await sign(setup.key)
    const stranger = await issuerKey('x')
    const token = await sign(stranger, goodClaims(), { kid: 'KID' })
    const [head, ...rest] = token.split('.')
    const named = (kid: string) => {
      const text = Buffer.from(head!, 'base64url').toString().replace('KID', kid)
      return [Buffer.from(text).toString('base64url'), ...rest].join('.')
    }

    const statuses = new Set<number>()
    for (let i = 0; i < 1000; i += 50) {
      const batch = Array.from({ length: 50 }, (_, j) => setup.send(named(`random-${i + j}`)))
      for (const response of await Promise.all(batch)) statuses.add(response.status)
      expect((await setup.send(good)).status).toBe(200)
    }

    expect([...statuses]).toEqual([401])
    expect(setup.issuer.fetches).toBeLessThanOrEqual(8)
    expect(setup.origin.requests).toHaveLength(20)
  })
})

describe('an issuer that is down', () => {
  test('from the start: the gateway starts, and a token that cannot be checked is 503, then passes once it is back', async () => {
    await using setup = await startSetup()
    const token = await sign(setup.key)
    await setup.issuer.stop()

    const response = await setup.send(token)
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({
      code: 'upstream-unavailable',
      detail: "The token issuer's keys are not available.",
    })
    expect(response.headers.get('retry-after')).toBe('1')
    expect((await setup.gateway.fetch('/orders')).status).toBe(401)
    expect((await setup.send(`${token}=`)).status).toBe(401)
    expect(setup.origin.requests).toEqual([])

    await setup.issuer.start()
    await expect.poll(async () => (await setup.send(token)).status).toBe(200)
  })

  test('later: its keys serve on, and a token of a key that it may have made since is 503', async () => {
    await using setup = await startSetup()
    await setup.send(await sign(setup.key))

    await setup.issuer.stop()

    expect((await setup.send(await sign(setup.key, goodClaims({ sub: 'bob' })))).status).toBe(200)
    expect((await setup.send(await sign(await issuerKey('second')))).status).toBe(503)
  })

  test('or answers nonsense is no reason to forget its keys', async () => {
    await using setup = await startSetup()
    await setup.send(await sign(setup.key))
    setup.issuer.answer = (_, response) => response.end('<html>maintenance</html>')

    await setup.send(await sign(await issuerKey('second')))

    expect((await setup.send(await sign(setup.key, goodClaims({ sub: 'bob' })))).status).toBe(200)
  })
})

describe('a reload', () => {
  test('keeps keys and known tokens of what did not change', async () => {
    await using setup = await startSetup({ options: 'audience: orders' })
    await setup.send(await sign(setup.key))
    await setup.issuer.stop()

    await setup.gateway.reload(`name: other\n${setup.config('audience: orders, forward: false')}`)

    expect((await setup.send(await sign(setup.key, goodClaims({ sub: 'bob' })))).status).toBe(200)
    expect(setup.issuer.fetches).toBe(1)
  })

  test('to other demands asks again of every token', async () => {
    await using setup = await startSetup()
    const token = await sign(setup.key)
    expect((await setup.send(token)).status).toBe(200)

    await setup.gateway.reload(setup.config('audience: billing'))

    expect((await setup.send(token)).status).toBe(401)
  })
})

describe('the metrics', () => {
  test('say when the keys of each issuer were last fetched, and forget issuers that are gone', async () => {
    await using setup = await startSetup()
    const series = async () =>
      /^sluice_jwks_last_success_timestamp_seconds\{issuer="([^"]*)"\} ([0-9.e+]+)$/m.exec(
        await setup.gateway.metrics(),
      )
    expect(await series()).toBeNull()

    await setup.send(await sign(setup.key))
    const [, issuer, time] = (await series()) ?? []
    expect(issuer).toBe(ISSUER)
    expect(Math.abs(Number(time) - Date.now() / 1000)).toBeLessThan(30)

    await setup.gateway.reload(`
routes:
  orders: { match: /orders, upstream: "${setup.origin.url}", public: "open now" }
`)
    await expect.poll(series).toBeNull()
  })
})
