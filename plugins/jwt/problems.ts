/** What a client is told: 401 without or with bad credentials, 403 with too few rights, 503 without keys (RFC 6750 §3). */
import { type Exchange, Problem } from '#gateway'
import { KeysUnavailable, Refusal } from './refusal.ts'

/** The token is good and does not grant enough. */
export class Insufficient extends Error {
  override readonly name = 'Insufficient'
  readonly claim: string
  /** The scopes that would do, as far as scopes are what is asked for. */
  readonly scopes: readonly string[]

  constructor(claim: string, scopes: readonly string[]) {
    super('The token does not grant what this needs.')
    this.claim = claim
    this.scopes = scopes
  }
}

/** No bearer token at all. Says no error: RFC 6750 §3.1 keeps that for those who tried. */
export function missing(): Problem {
  return new Problem('credentials-missing', 'No bearer token in the header authorization.', challenge(''))
}

/** What an error of this plugin comes to, noted in the decision record. Anything else is returned as it is. */
export function problemOf(error: unknown, exchange: Exchange): unknown {
  if (error instanceof Refusal) {
    exchange.decide('refuse', error.reason)
    const told = `, error="invalid_token", error_description="${error.message}"`
    return new Problem('credentials-invalid', error.message, challenge(told))
  }
  if (error instanceof Insufficient) {
    if (exchange.recording) exchange.decide('refuse', 'claim-unmet', { claim: error.claim })
    // RFC 6749 §3.3: what a scope may consist of. A required value that is none cannot be quoted.
    const scopes = error.scopes.filter((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))
    const scope = scopes.length === 0 ? '' : `, scope="${scopes.join(' ')}"`
    return new Problem('forbidden', error.message, challenge(`, error="insufficient_scope"${scope}`))
  }
  if (error instanceof KeysUnavailable) {
    exchange.decide('refuse', exchange.dry ? 'keys-not-fetched' : 'keys-unavailable')
    return new Problem('upstream-unavailable', error.message, { headers: ['retry-after', '1'] })
  }
  return error
}

function challenge(told: string): { headers: string[] } {
  return { headers: ['www-authenticate', `Bearer realm="sluice"${told}`] }
}
