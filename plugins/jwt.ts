/** Requires a JWT of one issuer as bearer token, verifies it, and names its bearer (RFC 7519, RFC 8725, RFC 6750). */
import { hash } from 'node:crypto'
import type { FromSchema } from 'json-schema-to-ts'
import { type AssumedIdentity, duration, type Exchange, type Scope, type Traits } from '#gateway'
import { bearerToken } from './jwt/bearer.ts'
import { scopesOf, unmetClaim } from './jwt/claims.ts'
import { type Identity, identityOf } from './jwt/identity.ts'
import { algorithmsOf, forwardClaimsOf, keysOf } from './jwt/options.ts'
import { Insufficient, missing, problemOf } from './jwt/problems.ts'
import { TokenCache, type VerifiedToken } from './jwt/token-cache.ts'
import { asymmetric } from './jwt/verification-key.ts'
import { Verifier } from './jwt/verifier.ts'

const text = { type: 'string', minLength: 1 } as const
const texts = { type: 'array', minItems: 1, items: text } as const

export const schema = {
  type: 'object',
  description:
    'Requires a signed token, and names its bearer. No token, or a bad one, is 401; one without what is demanded is 403.',
  additionalProperties: false,
  required: ['issuer'],
  oneOf: [
    { required: ['jwks'], properties: { jwks: {} } },
    { required: ['publicKey'], properties: { publicKey: {} } },
    { required: ['secret'], properties: { secret: {} } },
  ],
  properties: {
    issuer: { ...text, examples: ['https://id.example.com'], description: 'What the claim `iss` must be.' },
    audience: {
      examples: ['orders'],
      anyOf: [text, texts],
      description: 'What the claim `aud` must hold one of. Without it tokens for any audience of the issuer are good.',
    },
    jwks: {
      ...text,
      examples: ['https://id.example.com/jwks.json'],
      description: "URL of the issuer's key set, or a file with it (relative to the config).",
    },
    publicKey: {
      ...text,
      examples: [`\${file:keys/issuer.pem}`],
      description: 'The one key, as PEM: public key or certificate.',
    },
    secret: {
      type: 'string',
      examples: [`\${env:JWT_SECRET}`],
      minLength: 32,
      secret: true,
      description: 'The secret shared with the issuer, for HS256, HS384 and HS512, as text.',
    },
    algorithms: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { type: 'string', enum: [...asymmetric, 'HS256', 'HS384', 'HS512'] },
      description: 'Signature algorithms that are accepted. Default: all that the keys are made for.',
    },
    clockTolerance: {
      type: 'string',
      pattern: '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$',
      default: '5s',
      description: "How far the issuer's clock may be off.",
    },
    consumer: { ...text, default: 'sub', description: 'The claim that names the consumer.' },
    claims: {
      type: 'object',
      additionalProperties: texts,
      description: 'Values that claims must have, all of them: { scope: [read] }. A token without them gets 403.',
    },
    forwardClaims: {
      type: 'object',
      additionalProperties: { type: 'string', pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$", examples: ['x-user-id'] },
      description: "Claims told to the upstream, and in which header: { sub: x-user-id }. A client's own are removed.",
    },
    forward: { type: 'boolean', default: true, description: 'Whether the upstream sees the token.' },
    requireExp: { type: 'boolean', default: true, description: 'Whether a token must have an end.' },
    insecure: { type: 'boolean', default: false, description: 'Allows key sets over plain http off loopback.' },
  },
} as const

export type Options = FromSchema<typeof schema>

export const traits: Traits = {
  authenticates: true,
  optional: true,
  assumes: true,
  refuses: true,
  secrets: () => ['header:authorization'],
  reserves: (options: Options) => Object.values(options.forwardClaims ?? {}).map((name) => name.toLowerCase()),
}

export default async function jwt(scope: Scope, options: Options): Promise<void> {
  const keys = await keysOf(options, scope)
  const { source } = keys
  const verification = verificationOf(options, algorithmsOf(options, keys))
  const verifier = new Verifier({ source, ...verification })
  // By everything that makes a token good, so that what verified before a reload is still known after it.
  const digest = hash('sha256', JSON.stringify([keys.identity, verification]))
  const cache = scope.carry(`tokens ${digest}`, () => new TokenCache())
  const identify = identifier(scope, options)
  const withoutDemands = identifier(scope, { ...options, claims: {} })

  /** What a token with these claims would make of its bearer; a consumer who is named stays that consumer. */
  function assumedIdentity({ consumer, claims: said }: AssumedIdentity): Identity {
    const prefix = `jwt:${options.issuer}#`
    const sub = consumer?.id?.startsWith(prefix) ? { [options.consumer]: consumer.id.slice(prefix.length) } : {}
    const claims = { iss: options.issuer, ...sub, ...said }
    const scopes = scopesOf(claims)
    const identity = said === null ? withoutDemands({ claims, scopes }) : identify({ claims, scopes })
    return consumer === null ? identity : { ...identity, consumer: { ...consumer, scopes, claims } }
  }

  scope.addHook('onRequest', function authenticate({ exchange }) {
    try {
      if (exchange.assumed !== null) return admit(exchange, assumedIdentity(exchange.assumed), 'assumed')
      const token = bearerToken(exchange)
      if (token === undefined) throw missing()
      const print = hash('sha256', token, 'base64url')
      const known = exchange.dry || !source.isCurrent() ? undefined : cache.get(print, Date.now())
      return known === undefined ? verify(exchange, token, print) : admit(exchange, identify(known), 'token-known')
    } catch (error) {
      throw problemOf(error, exchange)
    }
  })

  async function verify(exchange: Exchange, token: string, print: string): Promise<void> {
    try {
      const verified = await verifier.verify(token, exchange.dry)
      const identity = identify(verified)
      if (!exchange.dry) cache.set(print, verified)
      admit(exchange, identity, 'token-verified')
    } catch (error) {
      throw problemOf(error, exchange)
    }
  }
}

function admit(exchange: Exchange, { consumer, credentials }: Identity, reason: string): void {
  exchange.authenticate(consumer, credentials)
  if (exchange.recording) exchange.decide('pass', reason, { consumer: consumer.id, scopes: consumer.scopes })
}

function verificationOf(options: Options, algorithms: readonly string[]) {
  const { issuer, audience, requireExp } = options
  return {
    issuer,
    audience: typeof audience === 'string' ? [audience] : audience,
    algorithms,
    clockToleranceMs: duration(options.clockTolerance),
    requireExp,
  }
}

type Claimed = Pick<VerifiedToken, 'claims' | 'scopes'>

/** Whom a verified token makes its bearer, worked out once per token and item. Throws where it grants too little. */
function identifier(scope: Scope, options: Options): (token: Claimed) => Identity {
  const { issuer, forward, consumer: claim, claims: required = {} } = options
  const { consumers } = scope
  const init = { issuer, claim, consumers, forward, forwardClaims: forwardClaimsOf(options) }
  // Not in the carried cache: another generation's consumers may have other groups.
  const identities = new WeakMap<Claimed, Identity>()
  return function identify(token) {
    let identity = identities.get(token)
    if (identity === undefined) {
      const unmet = unmetClaim(required, token)
      if (unmet !== undefined) throw new Insufficient(unmet, required['scope'] ?? required['scp'] ?? [])
      identity = identityOf(token, init)
      identities.set(token, identity)
    }
    return identity
  }
}
