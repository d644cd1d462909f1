/** Whether a token is good: signature, issuer, audience, times, required claims. jose verifies; which key it may use is ours. */
import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import { scopesOf } from './claims.ts'
import { readHead } from './compact-token.ts'
import type { KeySource } from './key-source.ts'
import { KeysUnavailable, type Reason, Refusal } from './refusal.ts'
import type { VerifiedToken } from './token-cache.ts'
import type { VerificationKey } from './verification-key.ts'

export interface VerifierInit {
  readonly source: KeySource
  readonly issuer: string
  readonly audience: string[] | undefined
  readonly algorithms: readonly string[]
  readonly clockToleranceMs: number
  readonly requireExp: boolean
}

export class Verifier {
  readonly #init: VerifierInit
  readonly #options: JWTVerifyOptions

  constructor(init: VerifierInit) {
    this.#init = init
    this.#options = {
      algorithms: [...init.algorithms],
      issuer: init.issuer,
      clockTolerance: init.clockToleranceMs / 1000,
      requiredClaims: init.requireExp ? ['exp'] : [],
      ...(init.audience === undefined ? {} : { audience: init.audience }),
    }
  }

  /** Throws Refusal, or KeysUnavailable. `offline`: with the keys at hand, nothing is fetched. */
  async verify(token: string, offline: boolean): Promise<VerifiedToken> {
    const head = readHead(token)
    // Before any key is looked up: `none`, and a MAC where a public key is expected, choose no key and cause no fetch.
    if (!this.#init.algorithms.includes(head.alg)) throw new Refusal('algorithm-not-allowed')
    const { source } = this.#init
    if (!offline) await source.refresh()
    const candidates = source.keys?.candidates(head) ?? []
    const verified = await this.#tryEach(token, candidates)
    if (verified !== undefined) return verified
    // A key that is named and known has spoken. Otherwise the issuer may have rotated its keys since they were fetched.
    if (candidates.length > 0 && head.kid !== undefined) throw new Refusal('bad-signature')
    if (!offline && (await source.renew(head.kid))) {
      const fresh = (source.keys?.candidates(head) ?? []).filter((key) => !candidates.includes(key))
      const late = await this.#tryEach(token, fresh)
      if (late !== undefined) return late
      if (fresh.length > 0) throw new Refusal('bad-signature')
    }
    if (candidates.length > 0) throw new Refusal('bad-signature')
    throw source.keys === undefined || !source.reachable ? new KeysUnavailable() : new Refusal('unknown-key')
  }

  /** The token as the first of the keys verifies it; undefined where none did. Throws Refusal where one did and the token is no good. */
  async #tryEach(token: string, keys: readonly VerificationKey[]): Promise<VerifiedToken | undefined> {
    for (const key of keys) {
      try {
        const { payload } = await jwtVerify(token, key.key, this.#options)
        return this.#verified(token, key, payload)
      } catch (error) {
        const reason = reasonOf(error)
        if (reason !== 'bad-signature') throw new Refusal(reason)
      }
    }
    return undefined
  }

  #verified(token: string, key: VerificationKey, claims: JWTPayload): VerifiedToken {
    const { clockToleranceMs } = this.#init
    const { exp = Number.POSITIVE_INFINITY, nbf = Number.NEGATIVE_INFINITY } = claims
    return {
      claims: deepFreeze(claims),
      scopes: scopesOf(claims),
      key,
      from: nbf * 1000 - clockToleranceMs,
      until: exp * 1000 + clockToleranceMs,
      bytes: 1024 + 4 * token.length,
    }
  }
}

/** Plugins share what the cache keeps: nobody may change it for the others. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}

/** What jose's errors mean here. Throws those that are not about the token. */
function reasonOf(error: unknown): Reason {
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'bad-signature'
  if (error instanceof errors.JWTExpired) return 'token-expired'
  if (error instanceof errors.JWTClaimValidationFailed) return claimReason(error)
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm-not-allowed'
  if (error instanceof errors.JOSENotSupported) return 'extension-not-supported'
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return 'malformed-token'
  throw error
}

function claimReason({ claim, reason }: errors.JWTClaimValidationFailed): Reason {
  if (claim === 'iss') return 'wrong-issuer'
  if (claim === 'aud') return 'wrong-audience'
  if (claim === 'nbf' && reason === 'check_failed') return 'token-not-yet-valid'
  return reason === 'missing' ? 'claim-missing' : 'claim-invalid'
}
