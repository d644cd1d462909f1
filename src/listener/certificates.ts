/** The certificates of a listener, chosen by the name that a client asks for (RFC 6066 §3), and what else its handshakes need. */
import { constants, hash, hkdfSync } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { ListenerConfig } from '../config/config.ts'

export class Certificates {
  /** For clients that ask for no name, or for one that no certificate has. */
  readonly options: SecureContextOptions
  /** Whether they can be told apart by name at all. */
  readonly several: boolean
  readonly #byName = new Map<string, number>()
  readonly #contexts: SecureContext[]

  /** `secret`: shared by all threads that serve the listener, so that each takes up the sessions of the others. */
  constructor(config: ListenerConfig, secret: Uint8Array) {
    const { certificates, clientCa } = config
    const ticketKeys = ticketKeysOf(config, secret)
    const options = certificates.map(({ cert, key }) => ({
      cert,
      key,
      ...(clientCa === undefined ? {} : { ca: clientCa }),
      ticketKeys,
      minVersion: 'TLSv1.2' as const,
      // Who the client is, is asked once: in the handshake that begins the connection.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    }))
    this.options = options[0]!
    this.several = certificates.length > 1
    this.#contexts = this.several ? options.map((one) => createSecureContext(one)) : []
    for (const [index, { names }] of certificates.entries()) {
      for (const name of names) if (!this.#byName.has(name)) this.#byName.set(name, index)
    }
  }

  /** The context for a name that a client asks for; undefined: that of the options. */
  contextFor(name: string): SecureContext | undefined {
    return this.#contexts[this.#indexOf(name)]
  }

  /** Whether a connection opened for one name may carry requests for another: both have the same certificate. */
  covers(opened: string, asked: string): boolean {
    return opened === asked || this.#indexOf(opened) === this.#indexOf(asked)
  }

  /** An exact name before a wildcard, which stands for one label; else the first certificate. */
  #indexOf(name: string): number {
    const lower = name.toLowerCase()
    return this.#byName.get(lower) ?? this.#byName.get(lower.replace(/^[^.]+/, '*')) ?? 0
  }
}

/**
 * Other client authorities, other keys: a session begun under one set is never taken up under another, on this listener or the
 * next, so no handshake is spared its check (the attack of CVE-2025-23419).
 */
function ticketKeysOf({ protocol, host, port, clientCa = '' }: ListenerConfig, secret: Uint8Array): Buffer {
  // HKDF takes 1 KiB of info at most, and authorities are longer.
  const info = hash('sha256', JSON.stringify([protocol, host, port, clientCa]), 'buffer')
  return Buffer.from(hkdfSync('sha256', secret, '', info, 48))
}
