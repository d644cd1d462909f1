/** Keys that tokens are verified with, and which algorithm each may be used for (RFC 7518 §3.1, RFC 8037 §3.1). */
import { createPublicKey, createSecretKey, type JsonWebKeyInput, type KeyObject } from 'node:crypto'
import type { TokenHead } from './compact-token.ts'

export const asymmetric = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
] as readonly string[]

/** Bytes that a shared secret must have at least: those of the hash (RFC 7518 §3.2). */
const secretBytes: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 }

const curves: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
}

export class VerificationKey {
  readonly kid: string | undefined
  readonly algorithms: readonly string[]
  readonly key: KeyObject
  /** The issuer no longer lists it: what it signed is no longer believed. */
  withdrawn = false

  constructor(key: KeyObject, kid: string | undefined, algorithms: readonly string[]) {
    this.key = key
    this.kid = kid
    this.algorithms = algorithms
  }

  /** A token that names a key is verified by that one alone; one that names none, by any of the right kind. */
  fits(head: TokenHead): boolean {
    return (head.kid === undefined || head.kid === this.kid) && this.algorithms.includes(head.alg)
  }
}

/** The key of a JWK, or undefined where it cannot or must not verify tokens. */
export function keyOfJwk(jwk: Readonly<Record<string, unknown>>): VerificationKey | undefined {
  const { kid, alg, use, key_ops: operations } = jwk
  // A private key in a public document is everybody's; a symmetric one would let every reader sign.
  if (['d', 'p', 'q', 'k', 'priv', 'oth'].some((secret) => Object.hasOwn(jwk, secret))) return undefined
  if (kid !== undefined && typeof kid !== 'string') return undefined
  if (use !== undefined && use !== 'sig') return undefined
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return undefined
  const key = importJwk(jwk)
  const possible = key === undefined ? [] : algorithmsOf(key)
  const algorithms = alg === undefined ? possible : possible.filter((one) => one === alg)
  return key === undefined || algorithms.length === 0 ? undefined : new VerificationKey(key, kid, algorithms)
}

/** The key of a PEM text: a public key or a certificate. Throws RangeError. */
export function keyOfPem(pem: string): VerificationKey {
  if (pem.includes('PRIVATE KEY-----')) throw new RangeError('"publicKey" holds a private key: give the public one')
  const key = importPem(pem)
  const algorithms = algorithmsOf(key)
  if (algorithms.length === 0)
    throw new RangeError('"publicKey" must be RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519')
  return new VerificationKey(key, undefined, algorithms)
}

/** The key of a shared secret. Throws RangeError where it is too short. */
export function keyOfSecret(secret: string): VerificationKey {
  const bytes = Buffer.from(secret)
  const algorithms = Object.keys(secretBytes).filter((algorithm) => bytes.length >= secretBytes[algorithm]!)
  if (algorithms.length === 0) throw new RangeError('"secret" must have 32 bytes or more (RFC 7518 §3.2)')
  return new VerificationKey(createSecretKey(bytes), undefined, algorithms)
}

function algorithmsOf(key: KeyObject): readonly string[] {
  const { asymmetricKeyType, asymmetricKeyDetails: details } = key
  if (asymmetricKeyType === 'rsa')
    return (details?.modulusLength ?? 0) < 2048 ? [] : asymmetric.filter((name) => /^[RP]S/.test(name))
  if (asymmetricKeyType === 'ec') return curves[details?.namedCurve ?? ''] ?? []
  return asymmetricKeyType === 'ed25519' ? ['EdDSA', 'Ed25519'] : []
}

function importJwk(jwk: Readonly<Record<string, unknown>>): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk as JsonWebKeyInput['key'], format: 'jwk' })
  } catch {
    // A kind of key that Node does not know, or members that are no key: an issuer may list such beside good ones.
    return undefined
  }
}

function importPem(pem: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch {
    // OpenSSL's words would name its own routines, not the mistake.
    throw new RangeError('"publicKey" is no PEM public key or certificate')
  }
}
