/** The certificate that a client showed in its TLS handshake, read once per connection. */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { alternativeNames, commonName } from './certificate-names.ts'

export interface ClientCertificate {
  /** Somebody in the listener's `clientCa` has signed it, and its dates hold. What is not verified proves nothing. */
  readonly verified: boolean
  /** As consumers are told by them: `sha256:` + hex, `uri:…`, `dns:…`, `email:…`, `cn:…`. The first is the fingerprint. */
  readonly names: readonly string[]
  /** Milliseconds since the epoch: a connection may outlive what it was opened with. */
  readonly expires: number
}

interface ClientSocket extends TLSSocket {
  sluiceCertificate?: ClientCertificate | null
}

/** Null where the client showed none, or its connection is not TLS. */
export function clientCertificateOf(socket: Socket): ClientCertificate | null {
  if (!(socket instanceof TLSSocket)) return null
  const client: ClientSocket = socket
  if (client.sluiceCertificate === undefined) client.sluiceCertificate = read(client)
  return client.sluiceCertificate
}

const kinds: Readonly<Record<string, string>> = { URI: 'uri', DNS: 'dns', email: 'email' }

function read(socket: TLSSocket): ClientCertificate | null {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return null
  const names = [`sha256:${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`]
  for (const { kind, value } of alternativeNames(certificate)) {
    if (kinds[kind] !== undefined) names.push(`${kinds[kind]}:${kind === 'DNS' ? value.toLowerCase() : value}`)
  }
  const common = commonName(certificate)
  if (common !== null) names.push(`cn:${common}`)
  return { verified: socket.authorized, names, expires: Date.parse(certificate.validTo) }
}
