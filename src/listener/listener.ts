/** One address where clients connect: a node:http(s) server that outlives every generation. */
import { createServer, type Server, type ServerOptions, ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureContext } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import type { Limits, ListenerConfig } from '../config/config.ts'
import type { ClientResponse, ReceivedRequest } from '../exchange/client.ts'
import { GatewayRequest } from '../exchange/gateway-request.ts'
import { malformed, problemBytes } from './bare-problem.ts'
import { Certificates } from './certificates.ts'
import { ClientConnection } from './connection.ts'
import { EarlyConnections } from './early.ts'
import {
  asksUpgrade,
  connectRefusal,
  expectsContinue,
  isWebSocketUpgrade,
  plainMeta,
  type RequestMeta,
  unmetExpectation,
} from './meta.ts'
import { PlainPath } from './plain-path.ts'
import { sharesAddresses } from './share.ts'

export interface ListenerHandler {
  /**
   * The exchange that `raw` becomes is told by the listener when its connection is done with it. False: foreign code wants
   * Node's own objects, and nothing has been done; only of a request that came without them.
   */
  request(raw: ReceivedRequest, response: ClientResponse, meta: RequestMeta): boolean
}

export interface ListenerParts {
  readonly handler: ListenerHandler
  /** Shared by all threads: see `Certificates`. */
  readonly ticketSecret: Uint8Array
}

/** How often Node looks for heads that are too slow. */
const CHECK_INTERVAL_MS = 1000

export class Listener {
  #config: ListenerConfig
  readonly #server: Server | TlsServer
  readonly #ticketSecret: Uint8Array
  /** Null where it speaks plain HTTP. */
  #certificates: Certificates | null
  readonly #handler: ListenerHandler
  readonly #connections = new WeakMap<Duplex, ClientConnection>()
  /** What is said of an ordinary request; one object for all of them. */
  #plain: RequestMeta
  readonly #plainPath: PlainPath
  readonly #early: EarlyConnections
  #draining = false
  /** Upgraded connections leave Node's own count. */
  readonly #tunnels = new Set<Duplex>()

  constructor(config: ListenerConfig, limits: Limits, { handler, ticketSecret }: ListenerParts) {
    this.#config = config
    this.#handler = handler
    this.#ticketSecret = ticketSecret
    this.#certificates = certificatesOf(config, ticketSecret)
    this.#plain = this.#metaOf(config)
    const options: ServerOptions = {
      insecureHTTPParser: false,
      // Host is judged by admission, which answers with a problem.
      requireHostHeader: false,
      requestTimeout: 0,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      noDelay: true,
      keepAlive: true,
      highWaterMark: 64 * 1024,
      shouldUpgradeCallback: (raw) => isWebSocketUpgrade(raw) && this.#connections.get(raw.socket)?.isFree === true,
      IncomingMessage: GatewayRequest,
    }
    this.#server = this.#certificates === null ? createServer(options) : this.#secureServer(options, limits)
    // A client that has half-closed is answered: see ClientConnection.
    Object.assign(this.#server, { httpAllowHalfOpen: true })
    const handOver = this.#attach()
    this.#plainPath = new PlainPath({
      handOver,
      take: (raw, response) => this.#handler.request(raw, response, this.#plain),
      isDraining: () => this.#draining,
    })
    this.#limit(limits)
    this.#early = new EarlyConnections(this.#server)
  }

  #secureServer(options: ServerOptions, limits: Limits): TlsServer {
    return createTlsServer({
      ...options,
      ...this.#certificates!.options,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: limits.headTimeoutMs,
      SNICallback: (name: string, done: (error: null, context?: SecureContext) => void) =>
        done(null, this.#certificates!.contextFor(name)),
      requestCert: this.#config.clientCa !== undefined,
      // Who may come in is the chain's to say: a route may be public, and a certificate one of several proofs.
      rejectUnauthorized: false,
    })
  }

  #metaOf(config: ListenerConfig): RequestMeta {
    const certificates = this.#certificates
    return plainMeta(config, certificates?.several ? (opened, asked) => certificates.covers(opened, asked) : null)
  }

  get config(): ListenerConfig {
    return this.#config
  }

  /** Upgraded connections that are open. */
  get tunnels(): number {
    return this.#tunnels.size
  }

  /** Takes over what may change while the address stays. Limits take effect for heads that begin after it. */
  apply(config: ListenerConfig, limits: Limits): void {
    if (this.#certificates !== null && !isDeepStrictEqual(securityOf(config), securityOf(this.#config))) {
      this.#certificates = new Certificates(config, this.#ticketSecret)
      const server = this.#server as TlsServer & { requestCert: boolean }
      server.setSecureContext(this.#certificates.options)
      server.requestCert = config.clientCa !== undefined
    }
    this.#config = config
    this.#plain = this.#metaOf(config)
    this.#limit(limits)
    this.#early.admit()
  }

  #limit(limits: Limits): void {
    const server = this.#server as Server & { maxHeaderSize: number }
    server.headersTimeout = limits.headTimeoutMs
    server.keepAliveTimeout = limits.idleTimeoutMs
    server.maxConnections = limits.connections
    // Node drops what is over maxHeadersCount in silence; admission counts and refuses instead.
    server.maxHeadersCount = 0
    server.maxHeaderSize = limits.requestLine + limits.headerBytes
    this.#plainPath.limit(limits)
  }

  /** Returns what makes a connection Node's own. */
  #attach(): (socket: Socket) => void {
    const unexpected = unmetExpectation()
    const server = this.#server
    const event = this.#config.protocol === 'https' ? 'secureConnection' : 'connection'
    const [connectionListener] = server.listeners(event) as ((socket: Socket) => void)[]
    server.off(event, connectionListener!)
    // For each, and not for the server of TLS as a whole: that would wait out the handshakes of clients that have left.
    server.on(event, (socket: Socket) => this.#plainPath.open(Object.assign(socket, { allowHalfOpen: true })))
    server.on('request', (raw, response) => this.#begin(raw as GatewayRequest, response, this.#plain))
    server.on('checkContinue', (raw, response) =>
      this.#begin(raw as GatewayRequest, response, {
        ...this.#plain,
        ...(expectsContinue(raw.headers.expect!) ? { expectsContinue: true } : { problem: unexpected }),
      }),
    )
    server.on('checkExpectation', (raw, response) =>
      this.#begin(raw as GatewayRequest, response, { ...this.#plain, problem: unexpected }),
    )
    server.on('upgrade', (raw, socket, head: Buffer) => this.#upgrade(raw as GatewayRequest, socket as Socket, head))
    server.on('connect', (raw, socket) => this.#connectMethod(raw as GatewayRequest, socket as Socket))
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => this.#malformed(error, socket))
    return (socket) => {
      connectionListener!.call(server, socket)
      this.#connections.set(socket, new ClientConnection(socket, server.keepAliveTimeout + server.headersTimeout))
    }
  }

  #begin(raw: GatewayRequest, response: ServerResponse, meta: RequestMeta): void {
    const connection = this.#connections.get(raw.socket) ?? null
    // Node goes on parsing what it has read, also of a connection that is gone. One that closes does so by itself: see `linger`.
    if (raw.socket.destroyed || connection?.isClosing === true) return
    // An upgrade that was not taken: Node's parser drops what came in one read with it, and what follows may be no request's beginning.
    if (asksUpgrade(raw.headers)) response.shouldKeepAlive = false
    raw.client = connection
    response.on('close', answered)
    raw.listener = this
    const start = () => void this.#handler.request(raw, response, meta)
    if (connection === null) start()
    else connection.begin(raw, start)
  }

  /** An upgrade is a request: it gets a response object, and goes the way of all requests until its chain has passed. */
  #upgrade(raw: GatewayRequest, socket: Socket, head: Buffer): void {
    // Node detaches its own error handling with its parser: without this a reset would end the process.
    socket.on('error', () => socket.destroy())
    this.#connections.get(socket)?.leave()
    this.#tunnels.add(socket)
    socket.on('close', () => this.#tunnels.delete(socket))
    const response = detachedResponse(raw, socket)
    this.#handler.request(raw, response, { ...this.#plain, upgrade: { socket, head } })
  }

  /** CONNECT never reaches a route: 405, for every target (RFC 9110 §9.3.6). */
  #connectMethod(raw: GatewayRequest, socket: Socket): void {
    socket.on('error', () => socket.destroy())
    const problem = connectRefusal()
    const connection = this.#connections.get(socket)
    // Behind answers that are still to come there is no place for a response object of its own.
    if (connection?.isFree !== true) {
      connection?.refuse(problem, problemBytes(problem))
      return
    }
    const response = detachedResponse(raw, socket)
    raw.url = '/'
    this.#handler.request(raw, response, { ...this.#plain, problem })
  }

  /** Bytes that are no request. They run no plugin; the answer is a problem, and the connection ends. */
  #malformed(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#connections.get(socket)
    const isClosing = connection?.isClosing === true
    if (error.code === 'ECONNRESET' || !(socket.writable || isClosing)) socket.destroy()
    // Its last words are on their way: what else is bad does not cut them off.
    if (socket.destroyed || isClosing) return
    const problem = malformed(error.code)
    const answer = problemBytes(problem)
    if (connection === undefined) socket.end(answer)
    else if (error.code === 'HPE_INVALID_EOF_STATE') connection.breakOff(problem, answer)
    else connection.refuse(problem, answer)
  }

  /** Binds the address, which is claimed already. Resolves with the port, which is news when 0 was asked for. */
  listen(port = this.#config.port): Promise<number> {
    const { host } = this.#config
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port, reusePort: sharesAddresses, backlog: 4096 }, () => {
        this.#server.off('error', reject)
        resolve((this.#server.address() as AddressInfo).port)
      })
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#config.port
  }

  /** Answers say `Connection: close` from now on, so that clients go elsewhere before the listener closes. */
  drain(): void {
    this.#draining = true
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Stops accepting, drops idle connections, and resolves when the last one has gone. */
  async close(): Promise<void> {
    this.#draining = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#early.drop()
    this.#server.closeIdleConnections()
    this.#plainPath.closeIdle()
    await closed
  }

  /** Ends what is still open. */
  destroy(): void {
    this.#server.closeAllConnections()
    this.#plainPath.destroy()
    for (const socket of this.#tunnels) socket.destroy()
  }

  connections(): Promise<number> {
    return new Promise((resolve) => this.#server.getConnections((_error, count) => resolve(count)))
  }
}

function certificatesOf(config: ListenerConfig, secret: Uint8Array): Certificates | null {
  return config.protocol === 'https' ? new Certificates(config, secret) : null
}

function securityOf({ certificates, clientCa }: ListenerConfig): unknown {
  return [certificates, clientCa]
}

/** The end of an ordinary answer, told to whoever waits for it. One function for all, not a closure each. */
function answered(this: ServerResponse): void {
  const raw = this.req as GatewayRequest
  raw.exchange?.leave(this.writableFinished)
  raw.client?.end(raw)
}

/** A response on a connection that Node's server has let go of: it is the last one, and takes the connection with it. */
function detachedResponse(raw: GatewayRequest, socket: Socket): ServerResponse {
  const response = new ServerResponse(raw)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.on('finish', () => socket.destroySoon())
  response.on('close', () => raw.exchange?.leave(response.writableFinished))
  return response
}
