/** Opens sockets to one origin, plain or TLS, and says what it means when that fails. */
import net from 'node:net'
import tls from 'node:tls'
import type { Origin } from './client.ts'
import type { WireErrorCode } from './wire-error.ts'

/** How far a socket that fails had come. */
export interface Progress {
  readonly lookupFailed: boolean
  readonly tcpConnected: boolean
}

type OnRead = NonNullable<net.SocketConstructorOpts['onread']>

export class Dialer {
  readonly isSecure: boolean
  readonly #origin: Origin
  readonly #lookup: net.LookupFunction | undefined
  #context: tls.SecureContext | undefined
  #session: Buffer | undefined

  constructor(origin: Origin, lookup: net.LookupFunction | undefined) {
    this.#origin = origin
    this.#lookup = lookup
    this.isSecure = origin.tls !== undefined
  }

  /** `onread` is for plain sockets only: TLS ones emit 'data'. Throws when certificates or addresses cannot be used at all. */
  dial(onread: OnRead): net.Socket {
    const { host, port, socketPath } = this.#origin
    const where = socketPath === undefined ? { host, port } : { path: socketPath }
    const lookup = this.#lookup === undefined ? {} : { lookup: this.#lookup }
    if (this.#origin.tls !== undefined) return this.#dialSecure({ ...where, ...lookup }, this.#origin.tls)
    return net.connect({ ...where, ...lookup, noDelay: true, keepAlive: true, onread } as net.NetConnectOpts)
  }

  #dialSecure(where: tls.ConnectionOptions, settings: NonNullable<Origin['tls']>): tls.TLSSocket {
    const { serverName, rejectUnauthorized, ca, cert, key } = settings
    this.#context ??= tls.createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    })
    const socket = tls.connect({
      ...where,
      secureContext: this.#context,
      rejectUnauthorized,
      ALPNProtocols: ['http/1.1'],
      // RFC 6066 §3: an address is not a name. The certificate is checked against it all the same.
      servername: net.isIP(serverName) === 0 ? serverName : '',
      checkServerIdentity: (_, certificate) => tls.checkServerIdentity(serverName, certificate),
      ...(this.#session === undefined ? {} : { session: this.#session }),
    })
    socket.on('session', (session) => {
      this.#session = session
    })
    return socket
  }

  /** A session the server dislikes must not spoil the next handshake too. */
  forgetSession(): void {
    this.#session = undefined
  }
}

/** What a failure before the connection was usable is called. */
export function connectFailure(error: NodeJS.ErrnoException, progress: Progress): WireErrorCode {
  if (progress.tcpConnected) return 'tls-failed'
  if (progress.lookupFailed || error.syscall === 'getaddrinfo') return 'unresolved'
  const codes = error instanceof AggregateError ? error.errors.map(codeOf) : [codeOf(error)]
  return codes.every((code) => code === 'ETIMEDOUT') ? 'connect-timeout' : 'refused'
}

/** The code of a system or TLS error; never its message, which may quote certificates, names or addresses. */
export function codeOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return typeof code === 'string' ? code : 'unknown'
}
