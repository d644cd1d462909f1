/** The client's side of an exchange as far as the gateway uses it: Node's own objects, or those of the plain path (listener/plain-connection.ts). */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Problem } from '../problem.ts'
import type { Exchange } from './exchange.ts'

/** Takes the body of a request as it comes, with no stream between. */
export interface BodySink {
  /**
   * False: no more until the socket is resumed. `isLent`: the memory is read into again after that, or when this returned true; else it
   * is the sink's to keep.
   */
  data(piece: Buffer, isLent: boolean): boolean
  end(): void
  /** The rest will not come. Null: the client is gone. */
  broken(problem: Problem | null): void
}

/** The request as it was received. */
export interface ReceivedRequest {
  readonly method?: string | undefined
  url?: string | undefined
  readonly httpVersion: string
  readonly httpVersionMinor: number
  readonly rawHeaders: string[]
  /** Known when it is complete; where a request cannot have any there are none. */
  readonly rawTrailers?: readonly string[]
  readonly socket: Socket
  /** Its body has arrived whole. */
  readonly complete: boolean
  /** What it became. */
  exchange: Exchange | null
  /** The listener that took it: answers say `Connection: close` while it drains. */
  listener: { readonly draining: boolean } | null
  /** The client has ended its side, and no other request of its own is left: this answer ends the connection. */
  readonly isLast: boolean
  /** Why the rest of its body will not come, where the client waits to be told. */
  readonly brokenBy?: Problem | null
  /** Nobody has asked for `incoming`, and `readInto` can be had instead. */
  readonly hasDirectBody?: boolean
  readInto?(sink: BodySink): void
  /** The sink gives nothing back of what it was lent. */
  leaveLent?(): void
  /** Node's own object, for code that is not ours. */
  readonly incoming: IncomingMessage
}

/** Where the answer goes: the part of node:http's ServerResponse that answers are sent with, with its meaning. */
export interface ClientResponse {
  readonly headersSent: boolean
  readonly destroyed: boolean
  readonly writableLength: number
  /** All of it is known, and on its way. */
  readonly writableEnded: boolean
  readonly writableFinished: boolean
  readonly socket: Socket | null
  statusMessage: string
  /** `parsed`: see AnswerHead. */
  writeHead(status: number, reason: string, fields: string[], parsed?: readonly string[]): unknown
  /** True: nothing of the head and what followed it had gone out, and none of it will; there can be another. Node's own cannot. */
  takeBack?(): boolean
  writeContinue(): void
  writeInformation(status: number, fields: string[]): void
  /** A piece of this length would be copied before `write` or `end` returns. Node's own keeps what it is given. */
  copies?(length: number): boolean
  write(chunk: Buffer, flushed?: () => void): boolean
  write(chunk: string, encoding: 'latin1', flushed?: () => void): boolean
  end(): unknown
  end(body: Buffer): unknown
  end(body: string, encoding: 'latin1'): unknown
  addTrailers(fields: [string, string][]): void
  destroy(): unknown
  on(event: 'close' | 'drain' | 'timeout', listener: () => void): unknown
  once(event: 'socket', listener: () => void): unknown
  listenerCount(event: 'timeout'): number
}
