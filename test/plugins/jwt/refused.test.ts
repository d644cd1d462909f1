/** Tokens that must not pass, over real sockets: each is 401 with a stable code, and the origin never hears of it. */
import { createHmac } from 'node:crypto'
import { exportSPKI, importJWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exchange, openWire, statusOf } from '../../support/wire.ts'
import { goodClaims, issuerKey, sign } from './issuer.ts'
import { type Setup, startSetup } from './setup.ts'

const now = Math.floor(Date.now() / 1000)
const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const mac = (signed: string, key: string) => `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`

/** The token with its n-th part changed. */
async function changed(setup: Setup, part: 0 | 1 | 2, change: (text: string) => string): Promise<string> {
  const parts = (await sign(setup.key)).split('.')
  parts[part] = change(parts[part]!)
  return parts.join('.')
}

/** Signed by somebody else, who says in the head where the key is. */
async function selfMade(header: Record<string, unknown>): Promise<string> {
  return sign(await issuerKey('first'), goodClaims(), header)
}

const MALFORMED = 'The token is malformed.'
const ALGORITHM = 'The signature algorithm of the token is not allowed.'
const SIGNATURE = 'The signature of the token does not verify.'
const CLAIM = 'A claim of the token is invalid.'

// One gateway for all: nothing that is refused changes it.
let setup: Setup
beforeAll(async () => {
  setup = await startSetup({ options: 'audience: orders' })
})
afterAll(() => setup[Symbol.asyncDispose]())

describe('a token is refused', () => {
  test.for<[string, (setup: Setup) => string | Promise<string>, string]>([
    // RFC 8725 §2.1: the algorithm is never the token's choice.
    ['without algorithm', () => `${base64url({ alg: 'none' })}.${base64url(goodClaims())}.`, ALGORITHM],
    ['without algorithm, in other case', () => `${base64url({ alg: 'nOnE' })}.${base64url(goodClaims())}.`, ALGORITHM],
    ['without algorithm, its signature kept', (s) => changed(s, 0, () => base64url({ alg: 'none' })), ALGORITHM],
    [
      'signed with the public key as secret',
      async ({ key }) => {
        const pem = await exportSPKI((await importJWK(key.jwk, 'ES256', { extractable: true })) as CryptoKey)
        return mac(`${base64url({ alg: 'HS256', kid: 'first' })}.${base64url(goodClaims())}`, pem)
      },
      ALGORITHM,
    ],
    [
      'in another algorithm of the same kind',
      (s) => changed(s, 0, () => base64url({ alg: 'ES384' })),
      'The key that signed',
    ],
    ['with an empty signature', (s) => changed(s, 2, () => ''), SIGNATURE],
    [
      'with the signature of another',
      async (s) => await changed(s, 1, () => base64url(goodClaims({ sub: 'eve' }))),
      SIGNATURE,
    ],
    ['with a signature of zeros', (s) => changed(s, 2, () => Buffer.alloc(64).toString('base64url')), SIGNATURE],
    ['with a longer signature', (s) => changed(s, 2, (text) => `${text}AAAA`), SIGNATURE],
    // RFC 8725 §3.10: a token does not bring its own key.
    ['signed by a stranger under a known name', () => selfMade({}), SIGNATURE],
    ['with its own key in the head', async () => selfMade({ jwk: (await issuerKey('first')).jwk }), SIGNATURE],
    ['with its own key set in the head', (s) => selfMade({ jku: `${s.issuer.url}?evil` }), SIGNATURE],
    ['with its own certificate in the head', (s) => selfMade({ x5u: s.issuer.url, x5c: ['MIIB'] }), SIGNATURE],
    [
      'with a key name that is a path',
      (s) => sign(s.key, goodClaims(), { kid: '../../dev/null' }),
      'The key that signed',
    ],
    ['with a key name that is no text', (s) => changed(s, 0, () => base64url({ alg: 'ES256', kid: 0 })), MALFORMED],
    // RFC 7515 §4.1.11, RFC 7797 §6.
    [
      'with an extension that it says is critical',
      (s) => changed(s, 0, () => base64url({ alg: 'ES256', kid: 'first', crit: ['exp'], exp: 1 })),
      'The token demands an extension',
    ],
    [
      'with an unencoded payload',
      ({ key }) =>
        new SignJWT(goodClaims())
          .setProtectedHeader({ alg: 'ES256', kid: 'first', b64: true, crit: ['b64'] })
          .sign(key.privateKey)
          .then((token) =>
            [base64url({ alg: 'ES256', kid: 'first', b64: false, crit: ['b64'] }), ...token.split('.').slice(1)].join(
              '.',
            ),
          ),
      SIGNATURE,
    ],
    // RFC 7515 §2: base64url without padding, white space or spare bits.
    ['with padding', (s) => changed(s, 2, (text) => `${text}==`), MALFORMED],
    ['in plain base64', (s) => changed(s, 1, (text) => `${text.slice(0, -2)}+/`), MALFORMED],
    [
      'with spare bits set',
      (s) => changed(s, 2, (text) => text.slice(0, -1) + (text.endsWith('g') ? 'h' : 'x')),
      MALFORMED,
    ],
    ['with a part too many', async (s) => `${await sign(s.key)}.AAAA`, MALFORMED],
    ['with a part too few', async (s) => (await sign(s.key)).split('.').slice(0, 2).join('.'), MALFORMED],
    ['that is no token', () => 'hello', MALFORMED],
    ['of dots', () => '..', MALFORMED],
    ['encrypted', () => `${base64url({ alg: 'dir', enc: 'A256GCM' })}..AAAA.AAAA.AAAA`, MALFORMED],
    // RFC 7519 §4.1.
    [
      'of another issuer',
      (s) => sign(s.key, goodClaims({ iss: 'https://evil.test' })),
      'The token is from another issuer.',
    ],
    [
      'of several issuers',
      (s) => sign(s.key, goodClaims({ iss: ['https://id.example.test'] })),
      'The token is from another',
    ],
    ['without issuer', (s) => sign(s.key, goodClaims({ iss: undefined })), 'The token is from another issuer.'],
    [
      'for another audience',
      (s) => sign(s.key, goodClaims({ aud: ['billing'] })),
      'The token is for another audience.',
    ],
    ['for nobody', (s) => sign(s.key, goodClaims({ aud: undefined })), 'The token is for another audience.'],
    ['that has expired', (s) => sign(s.key, goodClaims({ exp: now - 60 })), 'The token has expired.'],
    ['without end', (s) => sign(s.key, goodClaims({ exp: undefined })), 'The token lacks a claim that is required.'],
    ['with an end that is text', (s) => sign(s.key, goodClaims({ exp: String(now + 60) })), CLAIM],
    ['from the future', (s) => sign(s.key, goodClaims({ nbf: now + 600 })), 'The token is not valid yet.'],
    [
      'with a name too long to tell',
      (s) => sign(s.key, goodClaims({ sub: 'x'.repeat(257) })),
      'A claim of the token is too long',
    ],
  ])('%s', async ([, make, detail]) => {
    const token = await make(setup)

    for (let i = 0; i < 2; i++) {
      const response = await setup.send(token)
      const problem = (await response.json()) as { code: string; detail: string }

      expect([response.status, problem.code]).toEqual([401, 'credentials-invalid'])
      expect(problem.detail).toContain(detail)
      expect(response.headers.get('www-authenticate')).toBe(
        `Bearer realm="sluice", error="invalid_token", error_description="${problem.detail}"`,
      )
    }
    expect(setup.origin.requests).toEqual([])
    if (token.length > 40) expect(JSON.stringify(setup.gateway.log)).not.toContain(token)
  })
})

describe('credentials', () => {
  test.for([
    ['nothing', [], 'credentials-missing'],
    ['another scheme', ['authorization: Basic YTpi'], 'credentials-missing'],
    ['a scheme that only begins like ours', ['authorization: BearerX abc'], 'credentials-missing'],
    ['an empty header', ['authorization:'], 'credentials-missing'],
    ['a token without scheme', ['authorization: TOKEN'], 'credentials-missing'],
    ['a token in a header of nearly that name', ['x-authorization: Bearer TOKEN'], 'credentials-missing'],
    ['a token for proxies', ['proxy-authorization: Bearer TOKEN'], 'credentials-missing'],
    ['a token in a cookie', ['cookie: authorization=Bearer TOKEN'], 'credentials-missing'],
    ['the scheme alone', ['authorization: Bearer'], 'credentials-invalid'],
    ['the token twice', ['authorization: Bearer TOKEN', 'authorization: Bearer TOKEN'], 'credentials-invalid'],
    [
      'a token beside another scheme',
      ['authorization: Basic YTpi', 'Authorization: Bearer TOKEN'],
      'credentials-invalid',
    ],
    ['two tokens in a line', ['authorization: Bearer TOKEN, Bearer TOKEN'], 'credentials-invalid'],
    ['a tab after the scheme', ['authorization: Bearer\tTOKEN'], 'credentials-invalid'],
    ['a comma after the scheme', ['authorization: Bearer, TOKEN'], 'credentials-invalid'],
    ['a quoted token', ['authorization: Bearer "TOKEN"'], 'credentials-invalid'],
    ['a token and more', ['authorization: Bearer TOKEN x'], 'credentials-invalid'],
  ] as const)('that are %s are 401', async ([, lines, code]) => {
    const token = await sign(setup.key)
    const head = ['GET /orders?access_token=TOKEN HTTP/1.1', 'host: api', ...lines, 'connection: close', '', '']

    const answer = await answerTo(head.join('\r\n').replaceAll('TOKEN', token))

    expect(statusOf(answer)).toBe(401)
    expect(answer).toContain(`"code":"${code}"`)
    const challenge = /^www-authenticate: (.*)\r$/im.exec(answer)?.[1]
    expect(challenge).toMatch(code === 'credentials-missing' ? /^Bearer realm="sluice"$/ : /error="invalid_token"/)
    expect(setup.origin.requests).toEqual([])
  })

  test.for(['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'GET'])(
    'are asked for whatever the method: %s',
    async (method) => {
      const head = [`${method} /orders HTTP/1.1`, 'host: api', 'content-length: 0', 'connection: close', '', '']

      expect(statusOf(await answerTo(head.join('\r\n')))).toBe(401)
      expect(setup.origin.requests).toEqual([])
    },
  )

  test('are asked for before a connection is upgraded', async () => {
    const head = [
      'GET /orders HTTP/1.1',
      'host: api',
      'connection: upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      'sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==',
      '',
      '',
    ]

    expect(statusOf(await exchange(setup.gateway.port, head.join('\r\n')))).toBe(401)
    expect(setup.origin.requests).toEqual([])
  })

  test('that are bad do not make an optional authenticator let somebody through as nobody', async () => {
    await using setup = await startSetup()
    const open = (yaml: string) => yaml.replace('match:', 'public: "prices"\n    match:')
    await setup.gateway.reload(open(setup.config('optional: true')))

    const anonymous = await setup.gateway.fetch('/orders', { headers: { authorization: 'Basic YTpi' } })
    const bad = await setup.send('a.b.c')
    const good = await setup.send(await sign(setup.key))

    expect([anonymous.status, bad.status, good.status]).toEqual([200, 401, 200])
    expect(setup.origin.requests.map(({ headers }) => headers['x-consumer'])).toEqual([undefined, 'ada'])
  })
})

/** Everything that comes back until the gateway closes. */
async function answerTo(bytes: string): Promise<string> {
  const wire = await openWire(setup.gateway.port)
  wire.send(bytes)
  return wire.closed()
}
