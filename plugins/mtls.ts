/** Requires a client certificate that the listener has verified and one consumer of the file owns, and names that consumer. */
import type { FromSchema } from 'json-schema-to-ts'
import { type Exchange, Problem, type Scope, type Traits } from '#gateway'

export const schema = {
  type: 'object',
  description: 'Requires a verified client certificate of a consumer. None, or a bad one, is 401.',
  additionalProperties: false,
  properties: {},
} as const

export const traits: Traits = {
  lazy: true,
  authenticates: true,
  optional: true,
  refuses: true,
  needs: ['client-certificates'],
}

/** No scheme is registered for it: RFC 9110 §15.5.2 asks for a challenge all the same. */
const headers = ['www-authenticate', 'ClientCertificate']

export default function mtls(scope: Scope, _options: FromSchema<typeof schema>): void {
  scope.addHook('onRequest', function authenticate({ exchange }) {
    const certificate = exchange.clientCertificate
    if (certificate === null) throw new Problem('credentials-missing', 'No client certificate was shown.', { headers })
    const [fingerprint] = certificate.names
    if (!certificate.verified) throw invalid(exchange, 'not-verified', 'The client certificate is not trusted here.')
    // A connection may be older than what it was opened with.
    if (certificate.expires <= Date.now()) throw invalid(exchange, 'expired', 'The client certificate has expired.')

    const owners = scope.consumers.byCertificate(certificate.names)
    if (owners.length === 0) throw invalid(exchange, 'unknown', 'The client certificate is no consumer’s.')
    // Whoever signs certificates may put several names in one: which was meant is not ours to guess.
    if (owners.length > 1) throw invalid(exchange, 'ambiguous', 'The client certificate is that of several consumers.')

    const { name, groups } = owners[0]!
    const id = `mtls:${name}`
    exchange.authenticate({ source: 'mtls', name, id, groups, scopes: none, claims: noClaims })
    if (exchange.recording) exchange.decide('pass', 'certificate-known', { consumer: id, certificate: fingerprint })
  })
}

function invalid(exchange: Exchange, reason: string, detail: string): Problem {
  if (exchange.recording) exchange.decide('refuse', reason, { certificate: exchange.clientCertificate?.names[0] })
  return new Problem('credentials-invalid', detail, { headers })
}

const none: readonly string[] = Object.freeze([])
const noClaims = Object.freeze({})
