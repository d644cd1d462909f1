/** Tokens that verified, by digest: bounded in entries and bytes, the least recently used go first. */
import type { VerificationKey } from './verification-key.ts'

export interface VerifiedToken {
  readonly claims: Readonly<Record<string, unknown>>
  readonly scopes: readonly string[]
  readonly key: VerificationKey
  /** Milliseconds since the epoch between which the token is good, tolerance included. */
  readonly from: number
  readonly until: number
  /** What keeping it costs, about. */
  readonly bytes: number
}

export interface CacheLimits {
  readonly entries: number
  readonly bytes: number
}

export class TokenCache {
  readonly #limits: CacheLimits
  readonly #tokens = new Map<string, VerifiedToken>()
  #bytes = 0

  constructor(limits: CacheLimits = { entries: 10_000, bytes: 16 * 1024 ** 2 }) {
    this.#limits = limits
  }

  get size(): number {
    return this.#tokens.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The token, if it's still good now: neither expired nor early, and its key not withdrawn. */
  get(digest: string, now: number): VerifiedToken | undefined {
    const token = this.#tokens.get(digest)
    if (token === undefined) return undefined
    if (token.key.withdrawn || now >= token.until || now < token.from) {
      this.#delete(digest, token)
      return undefined
    }
    this.#tokens.delete(digest)
    this.#tokens.set(digest, token)
    return token
  }

  set(digest: string, token: VerifiedToken): void {
    const before = this.#tokens.get(digest)
    if (before !== undefined) this.#delete(digest, before)
    this.#tokens.set(digest, token)
    this.#bytes += token.bytes
    for (const [oldest, { bytes }] of this.#tokens) {
      if (this.#tokens.size <= this.#limits.entries && this.#bytes <= this.#limits.bytes) break
      this.#tokens.delete(oldest)
      this.#bytes -= bytes
    }
  }

  #delete(digest: string, token: VerifiedToken): void {
    this.#tokens.delete(digest)
    this.#bytes -= token.bytes
  }
}
