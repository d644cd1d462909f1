/** Lets only some of the authenticated through: by group, by name, by the scopes of their token. */
import type { FromSchema } from 'json-schema-to-ts'
import { type Consumer, type Exchange, Problem, type Scope, type Traits } from '#gateway'

const list = { type: 'array', minItems: 1, uniqueItems: true } as const

export const schema = {
  type: 'object',
  description: 'Lets only some of the authenticated pass. Every kind that is given must hold. Refused is 403.',
  additionalProperties: false,
  minProperties: 1,
  properties: {
    groups: {
      ...list,
      items: { type: 'string', minLength: 1, examples: ['partner'] },
      description: 'The consumer is in at least one of these groups.',
    },
    consumers: {
      ...list,
      items: {
        type: 'string',
        pattern: '^([A-Za-z0-9._-]{1,64}|(key|basic|mtls):[A-Za-z0-9._-]{1,64}|jwt:.+#.+)$',
        examples: ['shop', 'key:shop', 'jwt:https://id.example.com#42'],
      },
      description:
        'The consumer is one of these: the name of a configured one, or an identity such as key:shop or jwt:https://id.example.com#42.',
    },
    scopes: {
      ...list,
      items: { type: 'string', pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$', examples: ['orders:read'] },
      description: 'The token grants all of these scopes.',
    },
  },
} as const

export const traits: Traits = { lazy: true, refuses: true, restricts: true, needs: ['consumer'] }

export default function acl(scope: Scope, options: FromSchema<typeof schema>): void {
  const groups = options.groups && new Set(options.groups)
  const consumers = options.consumers && new Set(options.consumers)
  const { scopes } = options
  // RFC 6750 §3.1: says which scopes would do.
  const scopeChallenge = `Bearer realm="sluice", error="insufficient_scope", scope="${scopes?.join(' ')}"`

  scope.addHook('onRequest', function authorize({ exchange }) {
    const { consumer } = exchange
    if (consumer === null) throw refused(exchange, 'anonymous', 'This needs an authenticated consumer.')
    if (groups && !consumer.groups.some((group) => groups.has(group)))
      throw refused(exchange, 'group-missing', 'The consumer is in none of the groups that may do this.')
    if (consumers && !isListed(consumer, consumers))
      throw refused(exchange, 'consumer-not-listed', 'The consumer is not among those who may do this.')
    if (scopes && !scopes.every((needed) => consumer.scopes.includes(needed)))
      throw refused(exchange, 'scope-missing', 'The token lacks a scope that this needs.')
    if (exchange.recording) exchange.decide('pass', 'allowed', { consumer: consumer.id, groups: consumer.groups })
  })

  function isListed(consumer: Consumer, listed: ReadonlySet<string>): boolean {
    if (consumer.id !== null && listed.has(consumer.id)) return true
    return consumer.name !== null && listed.has(consumer.name) && isConfigured(consumer)
  }

  /** A stranger's token may carry any name, that of a configured consumer too: only the directory says whose it is. */
  function isConfigured({ source, name, id, claims }: Consumer): boolean {
    if (source !== 'jwt') return true
    const issuer = claims['iss']
    if (id === null || typeof issuer !== 'string') return false
    return scope.consumers.byToken(issuer, id.slice(`jwt:${issuer}#`.length))?.name === name
  }

  function refused(exchange: Exchange, reason: string, detail: string): Problem {
    const { consumer } = exchange
    if (exchange.recording)
      exchange.decide('refuse', reason, {
        consumer: consumer?.id ?? null,
        groups: consumer?.groups ?? [],
        scopes: consumer?.scopes ?? [],
      })
    const challenged = reason === 'scope-missing' && consumer?.source === 'jwt'
    return new Problem('forbidden', detail, challenged ? { headers: ['www-authenticate', scopeChallenge] } : {})
  }
}
