/** What can go wrong on the wire to an upstream: a closed set, each with what it means for repeating the request. */

export type WireErrorCode =
  | 'unresolved'
  | 'refused'
  | 'connect-timeout'
  | 'tls-failed'
  | 'queue-full'
  | 'queue-timeout'
  | 'closed'
  | 'malformed'
  | 'head-too-large'
  | 'response-timeout'
  | 'body-timeout'
  | 'incomplete'
  | 'write-timeout'
  | 'pool-closed'

/** A failure of one attempt. `sent`: a byte of the request may have reached the upstream. `answered`: a byte of a response came back. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly code: WireErrorCode
  readonly sent: boolean
  /** The connection had carried an earlier exchange, so its death may be the keep-alive race of RFC 9112 §9.3.1. */
  readonly reused: boolean
  readonly answered: boolean

  constructor(
    code: WireErrorCode,
    message: string,
    facts: { sent?: boolean; reused?: boolean; answered?: boolean; cause?: unknown } = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = code
    this.sent = facts.sent ?? false
    this.reused = facts.reused ?? false
    this.answered = facts.answered ?? false
  }
}
