/** Opens sockets to one origin, plain or TLS, and says what it means when that fails. */
import net from 'node:net'
import tls from 'node:tls'
import type { Origin, PoolOptions } from './client.ts'
import type { WireErrorCode } from './wire-error.ts'

/** How connecting goes, and that a connection which stood is gone. */
export interface ConnectEvents {
  connected(): void
  /** The connection was never usable. */
  notConnected(code: WireErrorCode, cause: unknown): void
  /** Without an error it just went away. May come more than once. */
  broken(error: Error | undefined): void
}

/** What happens on a socket, plain and TLS alike. */
export interface SocketEvents extends ConnectEvents {
  /** Returns false to stop reading, until `resume` of the socket. */
  received(buffer: Buffer, length: number): boolean
  /** The buffer to read into next; undefined keeps the present one. Not asked for TLS, whose chunks are fresh memory. */
  nextBuffer(): Buffer | undefined
  finished(): void
}

const LOOKUP = 'getaddrinfo'

export class Dialer {
  readonly isSecure: boolean
  readonly #origin: Origin
  readonly #lookup: net.LookupFunction | undefined
  readonly #connectFailed: (() => void) | undefined
  #context: tls.SecureContext | undefined
  #session: Buffer | undefined

  constructor(origin: Origin, { lookup, connectFailed }: Pick<PoolOptions, 'lookup' | 'connectFailed'>) {
    this.#origin = origin
    this.#connectFailed = connectFailed
    this.#lookup = lookup === undefined ? undefined : named(lookup)
    this.isSecure = origin.tls !== undefined
  }

  /** Throws when certificates or addresses cannot be used at all. */
  dial(events: SocketEvents): net.Socket {
    const settings = this.#origin.tls
    const where = this.#where()
    const socket =
      settings === undefined ? dialPlain(where as net.NetConnectOpts, events) : this.#dialSecure(where, settings)
    this.#watch(socket, events)
    socket.on('end', () => events.finished())
    if (!this.isSecure) return socket
    socket.on('data', (chunk: Buffer) => {
      if (!events.received(chunk, chunk.length)) socket.pause()
    })
    return socket
  }

  /** A socket that may be half-closed, and whose bytes are the caller's to read: for a tunnel. Throws as `dial` does. */
  dialStream(events: ConnectEvents): net.Socket {
    const settings = this.#origin.tls
    const where = { ...this.#where(), allowHalfOpen: true, noDelay: true, keepAlive: true }
    const socket = settings === undefined ? net.connect(where as net.NetConnectOpts) : this.#dialSecure(where, settings)
    this.#watch(socket, events)
    return socket
  }

  #where(): tls.ConnectionOptions {
    const { host, port, socketPath } = this.#origin
    return {
      ...(socketPath === undefined ? { host, port } : { path: socketPath }),
      ...(this.#lookup === undefined ? {} : { lookup: this.#lookup }),
    }
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

  #watch(socket: net.Socket, events: ConnectEvents): void {
    const { isSecure } = this
    let isUsable = false
    let isTcpConnected = false
    const connected = () => {
      isUsable = true
      events.connected()
    }
    const broken = (error: Error | undefined) => {
      if (isUsable) return events.broken(error)
      if (!isTcpConnected) this.#connectFailed?.()
      // A session the server dislikes must not spoil the next handshake too.
      if (isTcpConnected) this.#session = undefined
      events.notConnected(isTcpConnected && isSecure ? 'tls-failed' : connectFailure(error), error)
    }
    socket.once('connect', () => {
      isTcpConnected = true
      if (!isSecure) connected()
    })
    // Stays for the life of the socket: an error after destroy must find a listener.
    socket.on('error', broken)
    socket.on('close', () => broken(undefined))
    if (!isSecure) return
    socket.once('secureConnect', () => {
      socket.setNoDelay(true)
      socket.setKeepAlive(true)
      connected()
    })
  }
}

function dialPlain(where: net.NetConnectOpts, events: SocketEvents): net.Socket {
  const onread = {
    buffer: () => events.nextBuffer() as Buffer,
    callback: (length: number, buffer: Uint8Array) => events.received(buffer as Buffer, length),
  }
  return net.connect({ ...where, noDelay: true, keepAlive: true, onread })
}

/** Makes the failures of a resolver tell themselves apart from those of connecting, as the system's do. */
function named(lookup: net.LookupFunction): net.LookupFunction {
  return (hostname, options, callback) =>
    lookup(hostname, options, (error, address, family) => {
      const failure =
        error && Object.assign(new Error('lookup failed', { cause: error }), { code: error.code, syscall: LOOKUP })
      callback(failure as NodeJS.ErrnoException | null, address, family)
    })
}

/** What a failure before the TCP connection stood is called. */
function connectFailure(error: Error | undefined): WireErrorCode {
  if ((error as NodeJS.ErrnoException | undefined)?.syscall === LOOKUP) return 'unresolved'
  const codes = error instanceof AggregateError ? error.errors.map(codeOf) : [codeOf(error)]
  return codes.every((code) => code === 'ETIMEDOUT') ? 'connect-timeout' : 'refused'
}

/**
 * What a connection is called that broke before a byte of an answer came. With TLS 1.3 our side of the handshake is over before
 * the upstream has looked at our certificate; so its alert comes to the first request.
 */
export function closeCode(error: unknown, isReused: boolean): WireErrorCode {
  return !isReused && codeOf(error).startsWith('ERR_SSL_') ? 'tls-failed' : 'closed'
}

/** The code of a system or TLS error; never its message, which may quote certificates, names or addresses. */
export function codeOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return typeof code === 'string' ? code : 'no code'
}
