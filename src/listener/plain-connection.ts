/**
 * A client's connection as long as all that comes on it are plain requests: read here, answered here, one after the other. With
 * the first that is not plain the connection goes to Node's server for good, that request's bytes first.
 *
 * idle → (busy → idle)*; idle → handed over | closing; any → closed.
 */

import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { isWorthHolding, ReadBuffer, sharedBuffer } from '../http1/read-buffer.ts'
import type { Problem } from '../problem.ts'
import { askWhetherThere } from './half-closed.ts'
import { linger } from './linger.ts'
import { isBlank, type PlainHead, type PlainHeadReader } from './plain-head.ts'
import { PlainRequest } from './plain-request.ts'
import { PlainResponse } from './plain-response.ts'
import { attach, type ClientEvents, detach, goesOnReading } from './plain-socket.ts'
import { readElsewhere } from './shared-read.ts'

/** The listener, as its plain connections see it. */
export interface PlainOwner {
  readonly draining: boolean
  readonly heads: PlainHeadReader
  readonly headTimeoutMs: number
  readonly idleTimeoutMs: number
  /** How long a client may take nothing of an answer. */
  readonly stallMs: number
  /** False: the route needs Node's own objects, and nothing has been done. */
  take(request: PlainRequest, response: PlainResponse): boolean
  /** The connection is Node's from now on; `unread` is what has been read of it and not understood. */
  handOver(connection: PlainConnection, unread: Buffer): void
  /** What to say to a client whose head took too long, or never came to its end. */
  lateHead(): string
  brokenHead(): string
  brokenBody(): Problem
  gone(connection: PlainConnection): void
}

/** Bytes of pipelined requests that are read ahead. Reading on shows when the client leaves. */
const AHEAD = 64 * 1024

export class PlainConnection implements ClientEvents {
  readonly socket: Socket
  readonly flushed: () => void
  readonly #owner: PlainOwner
  #request: PlainRequest | null = null
  #response: PlainResponse | null = null
  /** Received, and not read: the beginning of a head, or requests whose turn has not come. */
  #held: Buffer | null = null
  /** Of its own, while a large body comes. */
  #buffer: ReadBuffer | null = null
  /** Bytes still to come of a body that nobody reads: its request has been answered. */
  #unwanted = 0
  #isClosing = false
  /** The client has half-closed: the answer under way is the last. */
  #isLast = false
  /** When the silence of the client has lasted too long, on performance.now()'s clock. */
  #deadline: number
  #hasServed = false

  constructor(socket: Socket, owner: PlainOwner) {
    this.socket = socket
    this.#owner = owner
    this.#deadline = performance.now() + owner.headTimeoutMs
    this.flushed = () => this.#answered()
    attach(socket, this)
  }

  get keepAliveMs(): number {
    return this.#owner.idleTimeoutMs
  }

  /** Without a listener of the answer's own: see timedOut. */
  stalled(): void {
    if (!this.socket.timeout) this.socket.setTimeout(this.#owner.stallMs)
  }

  /** A request was answered on it. */
  get hasServed(): boolean {
    return this.#hasServed
  }

  /** No answer is owed. */
  get isIdle(): boolean {
    return this.#request === null
  }

  /** No request follows the one under way. */
  get isLast(): boolean {
    return this.#isLast && (this.#held === null || isBlank(this.#held))
  }

  received(chunk: Buffer): boolean {
    if (this.#isClosing) return true
    if (this.#unwanted > 0) return this.#passOver(chunk)
    if (this.#request?.complete === false) return this.#feed(this.#request, chunk)
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk])
    if (this.#request === null) return this.#read(bytes)
    // RFC 9112 §9.3.2: pipelined requests are answered in order.
    this.#hold(bytes)
    return bytes.length <= AHEAD
  }

  nextBuffer(): Buffer | undefined {
    const buffer = this.#buffer
    if (buffer === null) return undefined
    if (this.#unwanted > 0 || this.#request?.complete === false) return buffer.next(true)
    const next = buffer.leave()
    if (this.#request === null) this.#buffer = freed(buffer)
    return next
  }

  /** A copy only of what lies where the next read writes: of many pipelined requests, the rest is not copied for each. */
  #hold(bytes: Buffer): void {
    const isLent = bytes.buffer === sharedBuffer.buffer || this.#buffer?.owns(bytes) === true
    this.#held = isLent ? Buffer.from(bytes) : bytes
  }

  #passOver(chunk: Buffer): boolean {
    const passed = Math.min(this.#unwanted, chunk.length)
    this.#unwanted -= passed
    return passed === chunk.length || this.received(chunk.subarray(passed))
  }

  #feed(request: PlainRequest, bytes: Buffer): boolean {
    const { missing } = request
    let piece = bytes.length > missing ? bytes.subarray(0, missing) : bytes
    let isLent = this.#buffer?.owns(bytes) === true
    if (!isLent && request.isDirect && isWorthHolding(piece) && !goesOnReading(this.socket)) {
      this.#buffer ??= new ReadBuffer()
      piece = this.#buffer.hold(piece)
      isLent = true
    }
    const mayGoOn = request.feed(piece, isLent)
    if (bytes.length > missing) this.#hold(bytes.subarray(missing))
    this.#buffer?.expect(request.missing, 0)
    return mayGoOn || request.complete
  }

  /** Reads a head, and what came of its body. False: no more for now. */
  #read(bytes: Buffer): boolean {
    const head = this.#owner.heads.read(bytes)
    if (head === 'more') this.#awaitHead(bytes)
    else if (head === 'not-plain') this.#handOver(bytes)
    else return this.#begin(head, bytes)
    return true
  }

  #awaitHead(bytes: Buffer): void {
    if (this.#isLast) {
      this.close(this.#owner.brokenHead())
      return
    }
    // The time for a head begins with its first byte, on a kept connection too.
    if (this.#held === null && this.#hasServed) this.#deadline = performance.now() + this.#owner.headTimeoutMs
    this.#hold(bytes)
  }

  #begin(head: PlainHead, bytes: Buffer): boolean {
    const request = new PlainRequest(head, this, this.#owner)
    const response = new PlainResponse(this, head.method)
    this.#request = request
    this.#response = response
    this.#deadline = Infinity
    const bodyEnd = head.end + head.length
    // Before it is taken: an answer that is known at once says whether it is the last.
    this.#held = null
    if (bytes.length > bodyEnd) this.#hold(bytes.subarray(bodyEnd))
    if (!this.#owner.take(request, response)) {
      this.#request = null
      this.#response = null
      this.#handOver(bytes)
      return true
    }
    if (request.complete || head.end === bytes.length) return true
    return this.#feed(request, bytes.subarray(head.end, bodyEnd))
  }

  /** What it lent is not given back: nothing more is read into that. */
  leaveLent(): void {
    if (this.#buffer === null) return
    this.#buffer.forget()
    this.#buffer = null
    readElsewhere(this.socket, sharedBuffer)
  }

  #handOver(unread: Buffer): void {
    this.#held = null
    this.#buffer?.forget()
    detach(this.socket)
    this.#owner.handOver(this, Buffer.from(unread))
  }

  /** The answer is out. */
  #answered(): void {
    const request = this.#request
    const response = this.#response
    if (request === null || response === null || this.socket.destroyed) return
    this.#request = null
    this.#response = null
    this.#hasServed = true
    if (this.socket.timeout) this.socket.setTimeout(0)
    request.exchange?.leave(true)
    response.closed(true)
    // The exchange has just looked at the clock.
    this.#deadline = (request.exchange?.closedAt ?? performance.now()) + this.#owner.idleTimeoutMs
    this.#unwanted = request.missing
    if (this.#unwanted === 0) this.#buffer = freed(this.#buffer)
    if (this.#unwanted > 0) this.socket.resume()
    if (response.closes || this.isLast) this.close('')
    else if (this.#held !== null) process.nextTick(next, this)
  }

  /** Reads on where the answered request ended. Not from within its answer: what sends it is not done. */
  next(): void {
    const held = this.#held
    if (held === null || this.#request !== null || this.#isClosing || this.socket.destroyed) return
    this.#held = null
    const goesOn = this.#read(held)
    if (this.#isLast) this.#ask()
    // Not resumed where more is held than is read ahead: each answer would let in another read.
    if (goesOn && this.#ahead <= AHEAD) this.socket.resume()
    else this.socket.pause()
  }

  get #ahead(): number {
    return this.#held?.length ?? 0
  }

  /** Ends the connection; what its client still sends is thrown away. */
  close(lastWords: string): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#deadline = Infinity
    linger(this.socket, lastWords)
  }

  sweep(now: number): void {
    if (now < this.#deadline) return
    if (this.#held === null && this.#hasServed) this.socket.destroy()
    else this.close(this.#owner.lateHead())
  }

  // The socket's side

  /** The client sends nothing more: it has left, or has half-closed and waits for its answer, which is legal (RFC 9112 §9.6). */
  ended(): void {
    const request = this.#request
    const response = this.#response
    if (request === null || response === null) {
      if (this.#held !== null && !isBlank(this.#held)) this.close(this.#owner.brokenHead())
      else this.socket.end()
      return
    }
    this.#isLast = true
    if (response.isUnderWay) this.socket.destroy()
    else if (!request.complete && !response.headersSent) request.breakOff(this.#owner.brokenBody())
    else this.#ask()
  }

  #ask(): void {
    const response = this.#response
    askWhetherThere(() => (this.#response === response && !this.socket.destroyed ? response : null))
  }

  closed(): void {
    const request = this.#request
    const response = this.#response
    this.#request = null
    this.#response = null
    this.#buffer?.forget()
    this.#owner.gone(this)
    request?.gone()
    request?.exchange?.leave(false)
    response?.closed(false)
  }

  drained(): void {
    this.#response?.drained()
  }

  timedOut(): void {
    if (this.#response?.timedOut() === false) this.socket.destroy()
  }
}

/** Its memory may be another connection's. */
function freed(buffer: ReadBuffer | null): null {
  buffer?.free()
  return null
}

function next(connection: PlainConnection): void {
  connection.next()
}
