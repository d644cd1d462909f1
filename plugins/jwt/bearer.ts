/** The bearer token of a request (RFC 6750 §2.1), or none: credentials of another scheme are somebody else's. */
import type { Exchange } from '#gateway'
import { Refusal } from './refusal.ts'

/** Undefined where no bearer token was sent. Throws Refusal where one was, but not as one. */
export function bearerToken(exchange: Exchange): string | undefined {
  const values = exchange.headerValues('authorization')
  if (values.length === 0) return undefined
  // Which of two the upstream would believe is anybody's guess.
  if (values.length > 1) throw new Refusal('several-authorizations')
  const value = values[0]!
  const token = /^Bearer +([A-Za-z0-9_.-]+)$/i.exec(value)?.[1]
  if (token !== undefined) return token
  // The scheme's name and then anything that could not go on a scheme's name: a bearer token gone wrong.
  if (/^Bearer(?![!#$%&'*+.^_`|~0-9A-Za-z-])/i.test(value)) throw new Refusal('malformed-token')
  return undefined
}
