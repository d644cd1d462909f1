/** A request that the plain path has read: its head whole, its body as it comes. */
import { Buffer } from 'node:buffer'
import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { BodySink, ReceivedRequest } from '../exchange/client.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Problem } from '../problem.ts'
import type { PlainHead } from './plain-head.ts'

/** Bytes of a body that are read before anybody has asked for it. */
const EARLY = 64 * 1024

/** The connection that a request came on. */
export interface Lender {
  readonly socket: Socket
  readonly isLast: boolean
  leaveLent(): void
}

export class PlainRequest implements ReceivedRequest {
  readonly method: string
  url: string
  readonly rawHeaders: string[]
  readonly socket: Socket
  exchange: Exchange | null = null
  listener: { readonly draining: boolean } | null
  readonly #lender: Lender
  /** Bytes of the body that have not come. */
  #missing: number
  #early: Buffer[] | null = null
  #earlyBytes = 0
  /** Who has the body: one of these, or nobody yet. */
  #sink: BodySink | null = null
  #incoming: IncomingMessage | null = null
  #isBroken = false
  brokenBy: Problem | null = null

  constructor(head: PlainHead, lender: Lender, listener: { readonly draining: boolean }) {
    this.method = head.method
    this.url = head.url
    this.rawHeaders = head.fields
    this.socket = lender.socket
    this.#lender = lender
    this.listener = listener
    this.#missing = head.length
  }

  get httpVersion(): string {
    return '1.1'
  }

  get httpVersionMinor(): number {
    return 1
  }

  get isLast(): boolean {
    return this.#lender.isLast
  }

  get missing(): number {
    return this.#missing
  }

  get complete(): boolean {
    return this.#missing === 0
  }

  get hasDirectBody(): boolean {
    return this.#incoming === null
  }

  /** A sink takes the body. */
  get isDirect(): boolean {
    return this.#sink !== null
  }

  readInto(sink: BodySink): void {
    this.#sink = sink
    const early = this.#takeEarly()
    let mayGoOn = early.length > 0
    for (const piece of early) mayGoOn = sink.data(piece, false)
    if (this.complete) sink.end()
    else if (this.#isBroken) sink.broken(this.brokenBy)
    else if (mayGoOn) this.socket.resume()
  }

  leaveLent(): void {
    this.#lender.leaveLent()
  }

  /** Made when a plugin asks for it, or the body is to be read as a stream. */
  get incoming(): IncomingMessage {
    if (this.#incoming !== null) return this.#incoming
    const incoming = incomingOf(this)
    this.#incoming = incoming
    for (const piece of this.#takeEarly()) incoming.push(piece)
    if (this.complete || this.#sink !== null) end(incoming, this.complete)
    else if (this.#isBroken && this.brokenBy === null) incoming.destroy()
    return incoming
  }

  /**
   * Takes what came of the body, no more than is missing. `isLent`: the memory is this connection's alone, and is read into again when
   * this returns true or its socket is resumed; else it is there until this returns. False: no more for now.
   */
  feed(piece: Buffer, isLent: boolean): boolean {
    this.#missing -= piece.length
    const mayGoOn = this.#give(piece, isLent)
    if (!this.complete) return mayGoOn
    if (this.#sink !== null) this.#sink.end()
    else if (this.#incoming !== null) end(this.#incoming, true)
    return mayGoOn
  }

  #give(piece: Buffer, isLent: boolean): boolean {
    if (this.#sink !== null) return this.#sink.data(isLent ? piece : copyOf(piece), isLent)
    if (this.#incoming !== null) return this.#incoming.push(copyOf(piece))
    this.#early ??= []
    this.#early.push(copyOf(piece))
    this.#earlyBytes += piece.length
    return this.#earlyBytes < EARLY
  }

  #takeEarly(): readonly Buffer[] {
    const early = this.#early ?? []
    this.#early = null
    return early
  }

  /** The rest of the body will not come: tells whoever reads it. */
  breakOff(problem: Problem): void {
    this.#isBroken = true
    this.brokenBy = problem
    const incoming = this.#incoming
    if (this.#sink !== null) this.#sink.broken(problem)
    else if (incoming !== null && incoming.listenerCount('error') > 0) incoming.emit('error', problem)
  }

  /** The connection is gone. */
  gone(): void {
    this.#isBroken = true
    if (this.complete) return
    this.#sink?.broken(null)
    this.#incoming?.destroy()
  }
}

/** A copy that is the reader's to keep; a large one has memory of its own, which the reader may give back. */
function copyOf(bytes: Buffer): Buffer {
  const piece = bytes.length < 4096 ? Buffer.allocUnsafe(bytes.length) : Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(piece)
  return piece
}

function end(incoming: IncomingMessage, isComplete: boolean): void {
  incoming.complete = isComplete
  incoming.push(null)
}

function incomingOf({ method, url, rawHeaders, socket, httpVersion }: PlainRequest): IncomingMessage {
  const incoming = new IncomingMessage(socket)
  incoming.httpVersion = httpVersion
  incoming.httpVersionMajor = 1
  incoming.httpVersionMinor = 1
  incoming.method = method
  incoming.url = url
  incoming.rawHeaders = rawHeaders
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    const before = incoming.headers[name]
    incoming.headers[name] = before === undefined ? rawHeaders[i + 1]! : `${before}, ${rawHeaders[i + 1]}`
  }
  return incoming
}
