/** Which keys may verify which tokens, and which options go together. */
import { type createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { KeySet } from '../../../plugins/jwt/key-set.ts'
import { algorithmsOf, forwardClaimsOf } from '../../../plugins/jwt/options.ts'
import { keyOfJwk, keyOfPem, keyOfSecret } from '../../../plugins/jwt/verification-key.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const p256b = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' })
const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
const ed = generateKeyPairSync('ed25519')
const x = generateKeyPairSync('x25519')
const jwk = (pair: { publicKey: ReturnType<typeof createPublicKey> }, more: object = {}) => ({
  ...pair.publicKey.export({ format: 'jwk' }),
  ...more,
})

describe('a published key', () => {
  test.for([
    ['RSA', jwk(rsa), ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ['RSA made for one algorithm', jwk(rsa, { alg: 'PS256' }), ['PS256']],
    ['P-256', jwk(p256, { use: 'sig', key_ops: ['verify'] }), ['ES256']],
    ['P-521', jwk(p521), ['ES512']],
    ['Ed25519', jwk(ed), ['EdDSA', 'Ed25519']],
  ] as const)('%s verifies %j', ([, key, algorithms]) => {
    expect(keyOfJwk(key)?.algorithms).toEqual(algorithms)
  })

  test.for([
    ['symmetric', { kty: 'oct', k: 'c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0', alg: 'HS256' }],
    ['private', { ...p256.privateKey.export({ format: 'jwk' }) }],
    ['private RSA', { ...rsa.privateKey.export({ format: 'jwk' }) }],
    ['RSA of 1024 bits', jwk(weak)],
    ['for encryption', jwk(rsa, { use: 'enc' })],
    ['for signing', jwk(p256, { key_ops: ['sign'] })],
    ['made for an algorithm of another kind', jwk(p256, { alg: 'RS256' })],
    ['made for HS256', jwk(rsa, { alg: 'HS256' })],
    ['made for none', jwk(rsa, { alg: 'none' })],
    ['on a curve that no algorithm has', jwk(koblitz)],
    ['for key agreement', jwk(x)],
    ['named by a number', jwk(p256, { kid: 1 })],
    ['broken', { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }],
    ['of an unknown kind', { kty: 'XX' }],
  ] as const)('that is %s is left out', ([, key]) => {
    expect(keyOfJwk(key)).toBeUndefined()
    expect(KeySet.parse(JSON.stringify({ keys: [key, jwk(ed)] })).size).toBe(1)
  })
})

describe('a key set', () => {
  const set = (...keys: object[]) => KeySet.parse(JSON.stringify({ keys }))

  test('finds the key by name and algorithm, and without a name every key of the algorithm', () => {
    const keys = set(jwk(p256, { kid: 'a' }), jwk(p256b, { kid: 'b' }), jwk(rsa, { kid: 'a' }), jwk(ed))
    const found = (alg: string, kid?: string) => keys.candidates({ alg, kid }).map((key) => key.kid)

    expect(found('ES256', 'a')).toEqual(['a'])
    expect(found('RS256', 'a')).toEqual(['a'])
    expect(found('RS256', 'b')).toEqual([])
    expect(found('ES256')).toEqual(['a', 'b'])
    expect(found('EdDSA', 'a')).toEqual([])
    expect(found('HS256')).toEqual([])
    expect(found('none')).toEqual([])
  })

  test('tries at most 8 keys for a token that names none', () => {
    const keys = Array.from({ length: 12 }, () => jwk(generateKeyPairSync('ec', { namedCurve: 'P-256' })))

    expect(set(...keys).candidates({ alg: 'ES256', kid: undefined })).toHaveLength(8)
  })

  test('keeps what both sets list, withdraws what only the old one lists', () => {
    const before = set(jwk(p256, { kid: 'a' }), jwk(p256b, { kid: 'b' }))
    const [a, b] = before.candidates({ alg: 'ES256', kid: undefined })
    const after = set(jwk(rsa, { kid: 'c' }), { ...jwk(p256, { kid: 'a' }), x5t: 'beside the point' }).succeed(before)

    expect(after.candidates({ alg: 'ES256', kid: 'a' })).toEqual([a])
    expect(after.candidates({ alg: 'ES256', kid: 'a' })[0]).toBe(a)
    expect([a?.withdrawn, b?.withdrawn]).toEqual([false, true])
  })

  test('withdraws a key that comes back under the same name with other material', () => {
    const before = set(jwk(p256, { kid: 'a' }))
    const [old] = before.candidates({ alg: 'ES256', kid: 'a' })
    const after = set(jwk(p256b, { kid: 'a' })).succeed(before)

    expect(old?.withdrawn).toBe(true)
    expect(after.candidates({ alg: 'ES256', kid: 'a' })[0]).not.toBe(old)
  })

  test.for([
    ['no JSON', '<html>'],
    ['no list', '{"keys":{}}'],
    ['another document', '[]'],
    ['more than 100 keys', JSON.stringify({ keys: Array.from({ length: 101 }, () => ({ kty: 'XX' })) })],
  ] as const)('that is %s is refused whole', ([, text]) => {
    expect(() => KeySet.parse(text)).toThrow(RangeError)
  })
})

describe('a key in the options', () => {
  test('is a PEM public key, never a private one or something else', () => {
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const secret = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

    expect(keyOfPem(pem).algorithms).toContain('RS256')
    expect(() => keyOfPem(secret)).toThrow('"publicKey" holds a private key: give the public one')
    expect(() => keyOfPem('hello')).toThrow('"publicKey" is no PEM public key or certificate')
    expect(() => keyOfPem(weak.publicKey.export({ type: 'spki', format: 'pem' }).toString())).toThrow('2048 bits')
  })

  test('is a secret as long as the hash, for the algorithms that it is long enough for', () => {
    expect(() => keyOfSecret('x'.repeat(31))).toThrow('"secret" must have 32 bytes or more')
    expect(keyOfSecret('x'.repeat(32)).algorithms).toEqual(['HS256'])
    expect(keyOfSecret('x'.repeat(64)).algorithms).toEqual(['HS256', 'HS384', 'HS512'])
  })

  test('goes with its own algorithms only', () => {
    const publicKeys = { algorithms: ['RS256', 'PS256'] }
    const chosen = (...algorithms: string[]) => algorithmsOf({ algorithms }, publicKeys)

    expect(algorithmsOf({}, publicKeys)).toEqual(['RS256', 'PS256'])
    expect(chosen('PS256')).toEqual(['PS256'])
    expect(() => chosen('RS256', 'HS256')).toThrow('"algorithms" has HS256, which does not go with the keys')
  })
})

describe('forwarded claims', () => {
  const of = (forwardClaims: Record<string, string>) => forwardClaimsOf({ forwardClaims })

  test('are told in headers by lower-case name', () => {
    expect(of({ sub: 'X-User-Id' })).toEqual({ sub: 'x-user-id' })
  })

  test.for(['Host', 'authorization', 'Transfer-Encoding', 'content-length', 'x-forwarded-for', 'X-Consumer', 'via'])(
    'are never told as %s',
    (header) => {
      expect(() => of({ sub: header })).toThrow(`"forwardClaims" may not set the header ${header.toLowerCase()}`)
    },
  )

  test('do not share a header', () => {
    expect(() => of({ sub: 'x-user', email: 'X-User' })).toThrow('"forwardClaims" sets the header x-user twice')
  })
})
