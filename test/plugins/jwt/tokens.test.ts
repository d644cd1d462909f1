/** What a token looks like and what its claims say: the rules that need no socket. */
import { describe, expect, test } from 'vitest'
import { headerOf, nameOf, scopesOf, unmetClaim } from '../../../plugins/jwt/claims.ts'
import { isBase64url, readHead } from '../../../plugins/jwt/compact-token.ts'
import { Refusal } from '../../../plugins/jwt/refusal.ts'
import { TokenCache, type VerifiedToken } from '../../../plugins/jwt/token-cache.ts'
import { keyOfSecret } from '../../../plugins/jwt/verification-key.ts'

describe('base64url', () => {
  test('accepts what an encoder makes of any bytes, and no other spelling of them', () => {
    for (const bytes of ['', 'a', 'ab', 'abc', '\xff', '\xff\xfe', 'any carnal pleas']) {
      const text = Buffer.from(bytes, 'latin1').toString('base64url')
      expect(isBase64url(text), text).toBe(true)
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
      const same = [...alphabet].filter((last) => {
        const other = text.slice(0, -1) + last
        return text !== '' && isBase64url(other) && Buffer.from(other, 'base64url').toString('latin1') === bytes
      })
      expect(same).toEqual(text === '' ? [] : [text.at(-1)])
    }
  })

  test.for(['YQ==', 'YQ=', 'Y', 'YR', 'a+b_', 'a/bc', 'YQ\n', ' YQ', 'YWJj\t', 'ÿÿÿÿ'])('refuses %j', (text) => {
    expect(isBase64url(text)).toBe(false)
  })
})

describe('the head of a token', () => {
  const token = (head: unknown) =>
    `${Buffer.from(typeof head === 'string' ? head : JSON.stringify(head)).toString('base64url')}.e30.AAAA`

  test('is its algorithm and key name, whatever else it says', () => {
    const head = { alg: 'ES256', kid: 'a', jwk: { kty: 'oct', k: 'AAAA' }, jku: 'http://evil.test', typ: 'at+jwt' }

    expect(readHead(token(head))).toEqual({ alg: 'ES256', kid: 'a' })
  })

  test.for([
    ['two parts', 'e30.e30'],
    ['four parts', 'e30.e30.AAAA.AAAA'],
    ['no JSON', token('{alg}')],
    ['a list', token([])],
    ['null', token('null')],
    ['a byte order mark', token('\ufeff{"alg":"ES256"}')],
    ['bytes that are not UTF-8', `${Buffer.from('7b22616c67223a22ff227d', 'hex').toString('base64url')}.e30.AAAA`],
    ['no algorithm', token({ kid: 'a' })],
    ['an algorithm that is no text', token({ alg: ['ES256'] })],
    ['a key name that is no text', token({ alg: 'ES256', kid: 7 })],
    ['padding', `${token({ alg: 'ES256' })}=`],
  ] as const)('is malformed with %s', ([, text]) => {
    expect(() => readHead(text)).toThrow(new Refusal('malformed-token'))
  })
})

describe('claims', () => {
  test.for([
    [{ scope: 'read write' }, ['read', 'write']],
    [{ scope: ['read', 'write'] }, ['read', 'write']],
    [{ scp: 'read' }, ['read']],
    [{ scope: 'read  read', scp: ['write', { a: 1 }] }, ['read', 'write']],
    [{ scope: '' }, []],
    [{ scope: null }, []],
    [{}, []],
  ] as const)('%j grant the scopes %j', ([claims, scopes]) => {
    expect(scopesOf(claims)).toEqual(scopes)
  })

  test.for([
    [{ scope: ['read'] }, { scope: 'read write' }, undefined],
    [{ scope: ['read', 'write'] }, { scope: 'read' }, 'scope'],
    [{ scope: ['read'] }, { scp: ['read'] }, undefined],
    [{ scope: ['rea'] }, { scope: 'read' }, 'scope'],
    [{ tenant: ['acme'] }, { tenant: 'acme' }, undefined],
    [{ tenant: ['acme'] }, { tenant: 'acme other' }, 'tenant'],
    [{ roles: ['a', 'b'] }, { roles: ['b', 'c', 'a'] }, undefined],
    [{ roles: ['a', 'b'] }, { roles: ['b'] }, 'roles'],
    [{ email_verified: ['true'] }, { email_verified: true }, undefined],
    [{ email_verified: ['true'] }, { email_verified: false }, 'email_verified'],
    [{ constructor: ['x'] }, {}, 'constructor'],
    [{ a: ['1'], b: ['1'] }, { a: 1 }, 'b'],
  ] as const)('%j demanded of %j lack %j', ([required, claims, unmet]) => {
    expect(unmetClaim(required, verified({ claims, scopes: scopesOf(claims) }))).toBe(unmet)
  })

  test.for([
    ['ada', 'ada'],
    [42, '42'],
    ['', undefined],
    [4.5, undefined],
    // 2^53 + 1 reads as 2^53: two people would be one.
    [JSON.parse('9007199254740993'), undefined],
    [true, undefined],
    [null, undefined],
    [['ada'], undefined],
    ['\ud800', undefined],
  ] as const)('the value %j names %j', ([value, name]) => {
    expect(nameOf({ sub: value }, 'sub')).toBe(name)
  })

  test('a name is not inherited from anywhere', () => {
    expect(nameOf({}, 'constructor')).toBeUndefined()
  })

  test.for([
    ['ada', 'ada'],
    ['Ada Lovelace', 'Ada%20Lovelace'],
    ['a\r\nx-admin: 1', 'a%0D%0Ax-admin%3A%201'],
    ['é', '%C3%A9'],
    [7, '7'],
    [true, 'true'],
    [['a', 'b,c'], 'a,b%2Cc'],
    [{ a: 1 }, undefined],
    [null, undefined],
    ['', undefined],
  ] as const)('the value %j is forwarded as %j', ([value, header]) => {
    expect(headerOf({ claim: value }, 'claim')).toBe(header)
  })

  test.for([['x'.repeat(257)], [Array.from({ length: 200 }, () => 'ab')]])(
    'a value over 256 bytes is refused',
    ([value]) => {
      expect(() => headerOf({ claim: value }, 'claim')).toThrow(new Refusal('claim-too-long'))
    },
  )
})

describe('the token cache', () => {
  test('gives a token back between its times only', () => {
    const cache = new TokenCache()
    const token = verified({ from: 1000, until: 2000 })
    const at = (now: number) => {
      cache.set('a', token)
      return cache.get('a', now)
    }

    expect([999, 1000, 1999, 2000].map(at)).toEqual([undefined, token, token, undefined])
    expect(cache.size).toBe(0)
  })

  test('forgets a token whose key is withdrawn', () => {
    const cache = new TokenCache()
    const token = verified({})
    cache.set('a', token)

    token.key.withdrawn = true

    expect(cache.get('a', 0)).toBeUndefined()
  })

  test('keeps the most recently used within its entries', () => {
    const cache = new TokenCache({ entries: 2, bytes: 1e6 })
    cache.set('a', verified({}))
    cache.set('b', verified({}))
    cache.get('a', 0)
    cache.set('c', verified({}))

    expect(['a', 'b', 'c'].map((digest) => cache.get(digest, 0) !== undefined)).toEqual([true, false, true])
  })

  test('keeps within its bytes, and counts them right', () => {
    const cache = new TokenCache({ entries: 100, bytes: 1000 })
    for (let i = 0; i < 50; i++) cache.set(`t${i % 7}`, verified({ bytes: 100 + 37 * (i % 7) }))

    expect(cache.bytes).toBeLessThanOrEqual(1000)
    const kept = [0, 1, 2, 3, 4, 5, 6].filter((i) => cache.get(`t${i}`, 0) !== undefined)
    expect(cache.bytes).toBe(kept.reduce((sum, i) => sum + 100 + 37 * i, 0))
  })
})

function verified(part: Partial<VerifiedToken>): VerifiedToken {
  const key = keyOfSecret('x'.repeat(32))
  return { claims: {}, scopes: [], key, from: -Infinity, until: Infinity, bytes: 1, ...part }
}
