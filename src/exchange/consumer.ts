/** Who a client proved to be: the pair of where the proof came from and the name it gave. */

export type ConsumerSource = 'key' | 'basic' | 'mtls' | 'jwt'

export interface Consumer {
  readonly source: ConsumerSource
  /** Of a configured consumer, or the claim of a stranger's token; null when the token names nobody. */
  readonly name: string | null
  /** The identity that limits, caches and logs use: `key:shop`, `jwt:https://id.example.com#42`. Null when the token names nobody. */
  readonly id: string | null
  /** Groups of the configured consumer; a stranger has none. */
  readonly groups: readonly string[]
  readonly scopes: readonly string[]
  /** The verified claims of a token; empty for other proofs. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** What proving an identity does to the forwarded request. */
export interface Credentials {
  /** Headers that carried a secret and are withheld from the upstream (lower case). */
  readonly hideHeaders?: readonly string[]
  /** Query parameter that carried a secret and is withheld. */
  readonly hideQuery?: string
  /** Headers told to the upstream about the identity: flat name, value. Percent-encoded by the caller where needed (`forwardedValue`). */
  readonly forward?: readonly string[]
}

/** Who a described request comes from, taken as said: `explain --as`, `tests:`. Only the check of credentials is left out. */
export interface AssumedIdentity {
  /** Null: what the claims say. */
  readonly consumer: Consumer | null
  /** What a token would say; null: not known, and whatever a plugin demands of them is taken as met. */
  readonly claims: Readonly<Record<string, unknown>> | null
}

/**
 * A value as it may stand in a forwarded identity header: visible ASCII as is, else percent-encoded as UTF-8.
 * Undefined when it would be over 256 bytes, which the caller answers with 401.
 */
export function forwardedValue(value: string): string | undefined {
  const plain = /^[\x21-\x7e]*$/.test(value)
  const text = plain ? value : encodeURIComponent(value.toWellFormed())
  return text.length > 256 ? undefined : text
}
