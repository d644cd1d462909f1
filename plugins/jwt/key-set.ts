/** A JWK set as its issuer publishes it (RFC 7517 §5), reduced to the keys that may verify tokens. Immutable but for `withdrawn`. */
import type { TokenHead } from './compact-token.ts'
import { keyOfJwk, type VerificationKey } from './verification-key.ts'

const maxKeys = 100
/** A token without `kid` is tried with each key of its algorithm; this bounds what such a token may cost. */
const maxCandidates = 8

export class KeySet {
  readonly #keys: ReadonlyMap<string, VerificationKey>

  private constructor(keys: ReadonlyMap<string, VerificationKey>) {
    this.#keys = keys
  }

  static of(...keys: readonly VerificationKey[]): KeySet {
    return new KeySet(new Map(keys.map((key, index) => [String(index), key])))
  }

  /** Reads the text of a JWK set. Keys that cannot be used are left out, all of them if need be. Throws RangeError on any other text. */
  static parse(text: string): KeySet {
    const jwks = jwksOf(text)
    if (jwks.length > maxKeys) throw new RangeError(`the key set has more than ${maxKeys} keys`)
    const keys = new Map<string, VerificationKey>()
    for (const jwk of jwks) {
      const key = isObject(jwk) ? keyOfJwk(jwk) : undefined
      if (key !== undefined) keys.set(fingerprint(key), key)
    }
    return new KeySet(keys)
  }

  get size(): number {
    return this.#keys.size
  }

  /** Whether some key has this name. */
  names(kid: string): boolean {
    return this.#keys.values().some((key) => key.kid === kid)
  }

  /** The keys that may have signed a token with this head. */
  candidates(head: TokenHead): readonly VerificationKey[] {
    const fitting: VerificationKey[] = []
    for (const key of this.#keys.values()) {
      if (key.fits(head)) fitting.push(key)
      if (fitting.length === maxCandidates) break
    }
    return fitting
  }

  /**
   * This set as the successor of another: a key listed in both stays the same object, so that what it verified stays
   * believed; one that is not listed any more is withdrawn.
   */
  succeed(previous: KeySet): KeySet {
    const keys = new Map(this.#keys)
    for (const [print, key] of previous.#keys) {
      if (keys.has(print)) keys.set(print, key)
      else key.withdrawn = true
    }
    return new KeySet(keys)
  }
}

function jwksOf(text: string): readonly unknown[] {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw new RangeError('the key set is not JSON')
  }
  const keys = isObject(document) ? document['keys'] : undefined
  if (!Array.isArray(keys)) throw new RangeError('the key set has no list "keys" (RFC 7517 §5)')
  return keys
}

/** Equal for equal key material under an equal name and use. */
function fingerprint(key: VerificationKey): string {
  const material = key.key.export({ type: 'spki', format: 'der' }).toString('base64')
  return JSON.stringify([key.kid ?? null, key.algorithms, material])
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
