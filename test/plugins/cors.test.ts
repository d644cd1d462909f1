/** Cross-origin requests as browsers make them, over real sockets. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'

const shop = 'https://shop.example.com'

/** A gateway with one public route under this cors policy. */
async function startRoute(cors: string, origin: string, match = '/*') {
  return startGateway(`
routes:
  api: { match: "${match}", upstream: "${origin}", public: test, plugins: [{ cors: ${cors} }] }
`)
}

const preflight = (origin: string, method = 'PUT', headers?: string) => ({
  method: 'OPTIONS',
  headers: {
    origin,
    'access-control-request-method': method,
    ...(headers === undefined ? {} : { 'access-control-request-headers': headers }),
  },
})

/** The CORS headers of an answer, with Vary. */
function corsOf(response: Response): Record<string, string> {
  return Object.fromEntries([...response.headers].filter(([name]) => /^(access-control-|vary)/.test(name)))
}

describe('a preflight', () => {
  test('is answered here with what is allowed', async () => {
    await using origin = await startOrigin()
    await using gateway = await startRoute(
      `{ origins: ["${shop}"], methods: [GET, PUT], headers: [X-Tier], credentials: true, maxAge: 1h }`,
      origin.url,
    )

    const response = await gateway.fetch('/orders', preflight(shop, 'PUT', 'x-tier'))

    expect(response.status).toBe(204)
    expect(corsOf(response)).toEqual({
      'access-control-allow-origin': shop,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, PUT',
      'access-control-allow-headers': 'x-tier',
      'access-control-max-age': '3600',
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    })
    expect(origin.requests).toEqual([])
  })

  test.for([
    ['another origin', preflight('https://evil.example')],
    ['a method that is not allowed', preflight(shop, 'DELETE')],
    ['a method in lower case', preflight(shop, 'put')],
    ['a header that is not allowed', preflight(shop, 'PUT', 'x-tier, x-other')],
    ['no origin at all', preflight('null')],
  ] as const)('from or for %s is answered without leave, and never forwarded', async ([, init]) => {
    await using origin = await startOrigin()
    await using gateway = await startRoute(`{ origins: ["${shop}"], methods: [PUT], headers: [x-tier] }`, origin.url)

    const response = await gateway.fetch('/orders', init)

    expect(response.status).toBe(204)
    expect(Object.keys(corsOf(response))).toEqual(['vary'])
    expect(origin.requests).toEqual([])
  })

  test('may ask for any header where the config names none, but not for what is no header', async () => {
    await using origin = await startOrigin()
    await using gateway = await startRoute(`{ origins: ["*"] }`, origin.url)

    const allowed = await gateway.fetch('/', preflight(shop, 'GET', 'X-One,x-two'))
    const refused = await gateway.fetch('/', preflight(shop, 'GET', 'x-one, bad name'))

    expect(allowed.headers.get('access-control-allow-headers')).toBe('x-one, x-two')
    expect(allowed.headers.get('access-control-allow-origin')).toBe('*')
    expect(refused.headers.get('access-control-allow-origin')).toBeNull()
  })

  test('matches a route whatever its methods, and passes before credentials are asked for', async () => {
    await using origin = await startOrigin()
    const hash = createHash('sha256').update('k').digest('hex')
    await using gateway = await startGateway(`
consumers: { shop: { keys: ["sha256:${hash}"] } }
routes:
  api: { match: POST /orders, upstream: "${origin.url}", plugins: [{ cors: { origins: ["${shop}"] } }, api-key] }
`)

    const answered = await gateway.fetch('/orders', preflight(shop, 'POST', 'x-api-key'))
    const plain = await gateway.fetch('/orders', { method: 'OPTIONS' })
    const refused = await gateway.fetch('/orders', { method: 'POST', headers: { origin: shop } })

    expect([answered.status, answered.headers.get('access-control-allow-origin')]).toEqual([204, shop])
    expect(plain.status).toBe(405)
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, shop])
    expect(origin.requests).toEqual([])
  })

  test('is an ordinary OPTIONS without Access-Control-Request-Method', async () => {
    await using origin = await startOrigin()
    await using gateway = await startRoute(`{ origins: ["${shop}"] }`, origin.url)

    await gateway.fetch('/orders', { method: 'OPTIONS', headers: { origin: shop } })

    expect(origin.requests.map(({ method }) => method)).toEqual(['OPTIONS'])
  })
})

describe('an answer', () => {
  test('may be read by the pages of a named origin', async () => {
    await using origin = await startOrigin()
    await using gateway = await startRoute(
      `{ origins: ["${shop}"], credentials: true, exposeHeaders: [x-total, x-page] }`,
      origin.url,
    )

    const response = await gateway.fetch('/orders', { headers: { origin: shop } })

    expect(corsOf(response)).toEqual({
      'access-control-allow-origin': shop,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'x-total, x-page',
      vary: 'Origin',
    })
  })

  test('says nothing to others but that it depends on the origin', async () => {
    await using origin = await startOrigin()
    await using gateway = await startRoute(`{ origins: ["${shop}"], credentials: true }`, origin.url)

    const foreign = await gateway.fetch('/', { headers: { origin: 'https://evil.example' } })
    const none = await gateway.fetch('/')

    expect([corsOf(foreign), corsOf(none)]).toEqual([{ vary: 'Origin' }, { vary: 'Origin' }])
  })

  test('loses what the upstream says about origins, and keeps its Vary', async () => {
    await using origin = await startOrigin((_, response) => {
      response.writeHead(200, {
        'Access-Control-Allow-Origin': '*',
        'access-control-allow-credentials': 'true',
        'access-control-allow-methods': 'DELETE',
        'access-control-expose-headers': 'x-secret',
        'access-control-max-age': '9999',
        vary: 'accept-encoding, ORIGIN',
      })
      response.end('ok')
    })
    await using gateway = await startRoute(`{ origins: ["${shop}"] }`, origin.url)

    const own = await gateway.fetch('/', { headers: { origin: shop } })
    const foreign = await gateway.fetch('/', { headers: { origin: 'https://evil.example' } })

    expect(corsOf(own)).toEqual({ 'access-control-allow-origin': shop, vary: 'accept-encoding, ORIGIN' })
    expect(corsOf(foreign)).toEqual({ vary: 'accept-encoding, ORIGIN' })
  })

  test('may be read when it is a problem', async () => {
    await using gateway = await startRoute(`{ origins: ["${shop}"] }`, 'http://127.0.0.1:1')

    const response = await gateway.fetch('/', { headers: { origin: shop } })

    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([502, shop])
  })

  test('is for everybody under the origin *', async () => {
    await using origin = await startOrigin()
    await using gateway = await startRoute(`{ origins: ["*"] }`, origin.url)

    const response = await gateway.fetch('/', { headers: { origin: shop } })

    expect(corsOf(response)).toEqual({ 'access-control-allow-origin': '*' })
  })
})

test('a wildcard origin covers subdomains at any depth, and nothing that only looks like one', async () => {
  await using origin = await startOrigin()
  await using gateway = await startRoute(`{ origins: ["https://*.example.com", "https://x.test:8443"] }`, origin.url)
  const allowed = async (name: string) => {
    const response = await gateway.fetch('/', { headers: { origin: name } })
    return response.headers.get('access-control-allow-origin') === name
  }

  const names = [
    'https://a.example.com',
    'https://a.b.example.com',
    'https://x.test:8443',
    'https://example.com',
    'http://a.example.com',
    'https://a.example.com:8443',
    'https://evilexample.com',
    'https://a.example.com.evil.test',
    'https://evil.test/.example.com',
    'https://evil.test?.example.com',
    'https://user@a.example.com',
    'https://.example.com',
    'https://x.test',
    'https://X.test:8443',
  ]
  const verdicts: boolean[] = []
  for (const name of names) verdicts.push(await allowed(name))

  expect(names.filter((_, i) => verdicts[i])).toEqual(names.slice(0, 3))
})

test.for([
  ['{ origins: ["*"], credentials: true }', /credentials need named origins/],
  ['{ origins: ["https://a.example:443"] }', /default port.*https:\/\/a\.example\\"/],
  ['{ origins: ["http://a.example:80"] }', /default port.*http:\/\/a\.example\\"/],
  ['{ origins: ["https://a.example/"] }', /origins/],
  ['{ origins: ["https://A.example"] }', /origins/],
  ['{ origins: ["a.example"] }', /origins/],
  ['{ origins: ["null"] }', /origins/],
  ['{ origins: [] }', /origins/],
  ['{}', /origins/],
  ['{ origins: ["*"], methods: ["G T"] }', /methods/],
  ['{ origins: ["*"], maxAge: 600 }', /maxAge/],
] as const)('the options %s do not load', async ([options, message]) => {
  await using gateway = await startRoute('{ origins: ["*"] }', 'http://127.0.0.1:1')

  const result = await gateway.reload(`
routes:
  api: { match: /*, upstream: "http://127.0.0.1:1", public: test, plugins: [{ cors: ${options} }] }
`)

  expect(result.ok).toBe(false)
  expect(JSON.stringify(result)).toMatch(message)
})

test('below an authenticator it does not load', async () => {
  await using gateway = await startRoute('{ origins: ["*"] }', 'http://127.0.0.1:1')

  const result = await gateway.reload(`
consumers: { shop: { keys: ["sha256:${'0'.repeat(64)}"] } }
routes:
  api: { match: /*, upstream: "http://127.0.0.1:1", plugins: [api-key, { cors: { origins: ["*"] } }] }
`)

  expect(result.ok).toBe(false)
})
