/** Who a verified token makes of its bearer, and what the upstream is told about it. */
import type { Consumer, ConsumerDirectory, Credentials } from '#gateway'
import { forwarded, headerOf, nameOf } from './claims.ts'
import type { VerifiedToken } from './token-cache.ts'

export interface Identity {
  readonly consumer: Consumer
  readonly credentials: Credentials
}

export interface IdentityInit {
  readonly issuer: string
  /** The claim that names the bearer. */
  readonly claim: string
  readonly consumers: ConsumerDirectory
  /** Claim → header, lower case. */
  readonly forwardClaims: Readonly<Record<string, string>>
  /** Whether the upstream sees the token. */
  readonly forward: boolean
}

/** Throws Refusal where a claim is too long to be told to the upstream. */
export function identityOf(token: Pick<VerifiedToken, 'claims' | 'scopes'>, init: IdentityInit): Identity {
  const { claims, scopes } = token
  const value = nameOf(claims, init.claim)
  if (value !== undefined) forwarded(value)
  const known = value === undefined ? undefined : init.consumers.byToken(init.issuer, value)
  return {
    consumer: {
      source: 'jwt',
      // A stranger keeps the name the issuer gave; only its `id` may tell it from a configured consumer of that name.
      name: known?.name ?? value ?? null,
      id: value === undefined ? null : `jwt:${init.issuer}#${value}`,
      groups: known?.groups ?? [],
      scopes,
      claims,
    },
    credentials: { ...(init.forward ? {} : hideToken), forward: forwardedClaims(token, init.forwardClaims) },
  }
}

const hideToken = { hideHeaders: ['authorization'] }

function forwardedClaims(
  { claims }: Pick<VerifiedToken, 'claims'>,
  headers: Readonly<Record<string, string>>,
): string[] {
  return Object.entries(headers).flatMap(([claim, header]) => {
    const value = headerOf(claims, claim)
    return value === undefined ? [] : [header, value]
  })
}
