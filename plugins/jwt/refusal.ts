/** Why a token was refused: a closed set of reasons for the decision record, each with the words the client may read. */

const details = {
  'several-authorizations': 'More than one Authorization header was sent.',
  'malformed-token': 'The token is malformed.',
  'algorithm-not-allowed': 'The signature algorithm of the token is not allowed.',
  'unknown-key': 'The key that signed the token is unknown.',
  'bad-signature': 'The signature of the token does not verify.',
  'extension-not-supported': 'The token demands an extension that is not supported.',
  'token-expired': 'The token has expired.',
  'token-not-yet-valid': 'The token is not valid yet.',
  'wrong-issuer': 'The token is from another issuer.',
  'wrong-audience': 'The token is for another audience.',
  'claim-missing': 'The token lacks a claim that is required.',
  'claim-invalid': 'A claim of the token is invalid.',
  'claim-too-long': 'A claim of the token is too long to be forwarded.',
} as const

export type Reason = keyof typeof details

/** Credentials that are present and not good: 401. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly reason: Reason

  constructor(reason: Reason) {
    super(details[reason])
    this.reason = reason
  }
}

/** Whether the token is good cannot be said for want of the issuer's keys: it is neither let through nor refused. 503. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'

  constructor() {
    super("The token issuer's keys are not available.")
  }
}
