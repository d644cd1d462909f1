/** One request from `Pool.request` to its end: waiting for a connection, carried by one, or done. */
import type { ClientRequest, RequestHead, ResponseListener } from './client.ts'
import { RequestWriter } from './request-writer.ts'
import type { WireError } from './wire-error.ts'

/** What carries a call: a connection, or the pool while it waits for one. */
export interface Carrier {
  /** The caller gave up. */
  abandon(call: Call): void
  /** The caller handed over the whole request. */
  requestEnded(call: Call): void
  resume(call: Call): void
}

/** RFC 9110 §9.2.2; TRACE never gets here. */
export const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

export class Call implements ClientRequest {
  readonly method: string
  readonly listener: ResponseListener
  readonly writer: RequestWriter
  reused = false
  answered = false
  /** When it has waited too long for a connection. */
  queueDeadline = Infinity
  #carrier: Carrier
  #isDone = false

  constructor(carrier: Carrier, head: RequestHead, listener: ResponseListener) {
    this.method = head.method
    this.listener = listener
    this.writer = new RequestWriter(head)
    this.#carrier = carrier
  }

  get isDone(): boolean {
    return this.#isDone
  }

  /** Sent once more when its connection dies under it, it does no harm, and there is nothing of it to keep. */
  get isRepeatable(): boolean {
    return !this.writer.hasBody && idempotent.has(this.method)
  }

  carriedBy(carrier: Carrier, reused: boolean): void {
    this.#carrier = carrier
    this.reused = reused
  }

  write(chunk: Buffer, taken?: () => void): boolean {
    return this.#isDone || this.writer.write(chunk, taken)
  }

  lend(chunk: Buffer): boolean {
    return this.#isDone || this.writer.lend(chunk)
  }

  end(trailers?: readonly string[]): void {
    if (this.#isDone || this.writer.ended) return
    this.writer.end(trailers)
    this.#carrier.requestEnded(this)
  }

  resume(): void {
    if (!this.#isDone) this.#carrier.resume(this)
  }

  abort(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#carrier.abandon(this)
  }

  complete(trailers: string[]): void {
    if (this.#isDone) return
    this.#isDone = true
    this.listener.end(trailers)
  }

  fail(error: WireError): void {
    if (this.#isDone) return
    this.#isDone = true
    this.listener.error(error)
  }
}
