/** The seam between the proxy and the HTTP/1.1 client: what a request is made of, and what is told about its response. */
import type { LookupFunction } from 'node:net'
import type { WireError } from './wire-error.ts'

/** Where connections of one pool go. One pool serves exactly one Origin. */
export interface Origin {
  readonly host: string
  readonly port: number
  /** A Unix socket instead of host and port. */
  readonly socketPath?: string
  /** Set for https: verification is on unless `rejectUnauthorized` is false. */
  readonly tls?: {
    readonly serverName: string
    readonly rejectUnauthorized: boolean
    readonly ca?: string | Buffer
    readonly cert?: string | Buffer
    readonly key?: string | Buffer
  }
}

/** Bounds and timeouts of a pool, all in milliseconds and counts. */
export interface PoolOptions {
  /** Connections that carry or wait for requests, at most. */
  readonly maxConnections: number
  /** Idle connections kept, at most. */
  readonly maxIdle: number
  readonly idleTimeoutMs: number
  readonly queueLimit: number
  readonly queueTimeoutMs: number
  readonly connectTimeoutMs: number
  /** From the request being sent whole (or its last progress) to the end of the response head. Not extended by a byte. */
  readonly responseTimeoutMs: number
  /** Between two pieces of a response body; time in which we ourselves paused does not count. */
  readonly bodyIdleTimeoutMs: number
  /** The same where the body is an event stream. */
  readonly streamIdleTimeoutMs: number
  readonly maxHeadBytes: number
  readonly maxHeaders: number
  /** Resolves the host of the origin, for every new connection; the system's resolver unless given. */
  readonly lookup?: LookupFunction
  /** Told when a connection could not be made. */
  readonly connectFailed?: () => void
}

export type RequestBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }

export interface RequestHead {
  readonly method: string
  /** Request-target in origin-form (or `*`). */
  readonly target: string
  /** Flat name, value, name, value. Carries Host; never carries connection, content-length or transfer-encoding: `body` says those. */
  readonly headers: readonly string[]
  /** A list out of a parser, where most of `headers` come from one: their values are not looked at again. */
  readonly parsed?: readonly string[]
  readonly body: RequestBody
  /** Asks to go on in this protocol (RFC 9110 §7.8); only `UpgradeCall` understands the answer. */
  readonly upgrade?: string
}

export interface ResponseHead {
  readonly status: number
  readonly reason: string
  /** Flat name, value, … as received (names in their own case, values trimmed, latin1), framing and hop-by-hop fields included. */
  readonly headers: string[]
  readonly minorVersion: 0 | 1
  /** How the body ends; `length` is its size in bytes when known from the head. */
  readonly body: { readonly kind: 'none' | 'length' | 'chunked' | 'until-close'; readonly length: number }
}

/** Is told about one response, in order: informational*, head, (data | trailers)*, then exactly one of end or error. Never called again after that. */
export interface ResponseListener {
  /** The request has been given a connection and the head was handed to the kernel. */
  sent?(): void
  /** An interim response other than 101 (RFC 9110 §15.2); `100` included. */
  informational?(status: number, headers: string[]): void
  head(head: ResponseHead): void
  /**
   * One piece of body. Return false to pause: nothing but an error is told until `resume()`. `chunk` is valid during the call
   * only; if `held`, and false is returned, it is valid until `resume()` or, should the request fail, for good.
   */
  data(chunk: Buffer, held: boolean): boolean
  /** The response is complete; trailers (flat) are empty for most. */
  end(trailers: string[]): void
  error(error: WireError): void
  /** The kernel or peer took what was written: more request body may be written now. */
  drain?(): void
  /** The final response came before the request was sent whole: stop sending, the connection will not be reused. */
  stopSending?(): void
}

/** The handle of one running request. */
export interface ClientRequest {
  /** Sends request body; false when the caller should wait for `drain`. Throws when it would break the declared framing (too many bytes, no body). The buffer belongs to the client until it was flushed, which `taken` tells (never, if the request fails before). */
  write(chunk: Buffer, taken?: () => void): boolean
  /**
   * Sends request body from memory that is only lent. True: it is the caller's again. False: it is with the `drain` that follows, or
   * never, should the request fail before.
   */
  lend(chunk: Buffer): boolean
  /** Ends the request body; throws when fewer bytes than declared were written. `trailers` only with a chunked body. */
  end(trailers?: readonly string[]): void
  resume(): void
  /** Gives up: the connection is destroyed unless nothing was written to it, and the listener is not called again. */
  abort(): void
  /** True when the connection that carries the request had carried another before. */
  readonly reused: boolean
  /** A byte of the response has come, of an interim one perhaps. */
  readonly answered: boolean
}
