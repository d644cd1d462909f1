/**
 * One socket to the upstream, one request at a time.
 *
 * connecting → running → idle → checking → running → idle …; any → closed. `checking`: taken, but nothing written before the
 * event loop has polled (poll-turn.ts). Only `running` has a response; whatever the upstream sends in another state closes.
 */
import type { Socket } from 'node:net'
import { bodyIdleMs, idleAllowanceMs } from './body-framing.ts'
import type { Call, Carrier } from './call.ts'
import type { ResponseHead } from './client.ts'
import { closeCode, codeOf, type SocketEvents } from './dial.ts'
import { MalformedResponse } from './field-section.ts'
import { afterPoll, noteFreed, type Settling } from './poll-turn.ts'
import type { Pool } from './pool.ts'
import { ReadBuffer } from './read-buffer.ts'
import { ResponseParser, type ResponseSink } from './response-parser.ts'
import { StallWatch } from './stall-watch.ts'
import { now } from './sweep.ts'
import { WireError, type WireErrorCode } from './wire-error.ts'

type State = 'connecting' | 'running' | 'idle' | 'checking' | 'closed'

export class Connection implements Carrier, Settling, ResponseSink, SocketEvents {
  state: State = 'connecting'
  freedAt = 0
  idleSince = 0
  readonly #owner: Pool
  readonly socket: Socket
  readonly #parser: ResponseParser
  readonly #buffer = new ReadBuffer()
  readonly #stall = new StallWatch()
  readonly #flushed = () => this.#onFlushed()
  #call: Call | undefined
  #bodyIdleMs = 0
  /** When the present state has lasted too long, and what that is called. */
  #deadline: number
  #overdue: WireErrorCode = 'connect-timeout'
  #isReused = false
  /** The kernel has the whole request: from here on the upstream is waited for. */
  #sentWhole = false
  #isPaused = false
  #isDelivering = false
  #resumedInside = false
  /** The response is complete but its end is withheld while the listener is paused. */
  #heldTrailers: string[] | undefined
  #heldFin = false

  constructor(owner: Pool, call: Call) {
    this.#owner = owner
    this.#call = call
    this.#parser = new ResponseParser(this, owner.options)
    this.#deadline = now() + owner.options.connectTimeoutMs
    call.carriedBy(this, false)
    this.socket = owner.dialer.dial(this)
  }

  // The pool's side

  /** Takes a request; only while idle. */
  carry(call: Call): void {
    this.state = 'checking'
    this.#call = call
    this.#deadline = Infinity
    call.carriedBy(this, true)
    afterPoll(this)
  }

  /** Nothing came in while the loop polled. */
  settled(): void {
    if (this.state === 'checking') this.#start()
  }

  sweep(time: number): void {
    if (this.state === 'running' && !this.#sentWhole && !this.#parser.headDone) this.#watchUpload(time)
    if (time < this.#deadline) return
    if (this.state === 'idle') this.close()
    else this.#fail(this.#overdue, this.#overdue)
  }

  /** Ends at once; a request it carries is not told. */
  close(): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.#call = undefined
    this.#deadline = Infinity
    this.#buffer.forget()
    this.#parser.stop()
    this.socket.destroy()
    this.#owner.gone(this)
  }

  destroy(): void {
    this.#fail('pool-closed', 'the pool was closed')
  }

  // The caller's side
  abandon(call: Call): void {
    if (this.#call !== call) return
    if (this.state === 'checking') this.#free()
    else this.close()
  }

  requestEnded(call: Call): void {
    if (this.#call === call && this.state === 'running') this.#noteSent()
  }

  resume(call: Call): void {
    if (this.#call !== call) return
    if (this.#isDelivering) this.#resumedInside = true
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#deadline = now() + this.#bodyIdleMs
    const trailers = this.#heldTrailers
    this.socket.resume()
    if (trailers !== undefined) this.#finish(trailers)
    else if (this.#heldFin) this.finished()
  }

  // The response
  informational(status: number, headers: string[]): void {
    this.#call?.listener.informational?.(status, headers)
  }

  head(head: ResponseHead): void {
    const call = this.#call!
    if (!this.#sentWhole) this.#noteSent()
    if (!this.#sentWhole) {
      call.writer.drop()
      call.listener.stopSending?.()
      if (this.#call !== call) return
    }
    this.#overdue = 'body-timeout'
    this.#bodyIdleMs = bodyIdleMs(head, this.#owner.options)
    call.listener.head(head)
  }

  body(buffer: Buffer, from: number, to: number): void {
    const call = this.#call!
    const isHeld = this.#owner.dialer.isSecure || this.#buffer.owns(buffer)
    this.#isDelivering = true
    this.#resumedInside = false
    const mayGoOn = call.listener.data(buffer.subarray(from, to), isHeld)
    this.#isDelivering = false
    if (mayGoOn || this.#resumedInside || this.#call !== call) return
    this.#isPaused = true
    this.#deadline = Infinity
  }

  complete(trailers: string[]): void {
    if (this.#isPaused) this.#heldTrailers = trailers
    else this.#finish(trailers)
  }

  #start(): void {
    const call = this.#call!
    this.state = 'running'
    this.#sentWhole = false
    this.#stall.begin()
    this.#overdue = 'response-timeout'
    this.#deadline = Infinity
    this.#parser.expect(call.method)
    call.writer.start(this.socket, this.#flushed)
    this.#noteSent()
    call.listener.sent?.()
    if (this.#call === call && call.writer.takeDrain()) call.listener.drain?.()
  }

  /** Starts waiting for the head once the kernel has taken the whole request. */
  #noteSent(): void {
    if (this.#sentWhole || !this.#call!.writer.ended || this.socket.writableLength > 0) return
    this.#sentWhole = true
    if (!this.#parser.headDone) this.#deadline = now() + this.#owner.options.responseTimeoutMs
  }

  #onFlushed(): void {
    this.#stall.flushes++
    const call = this.#call
    if (call === undefined || this.state !== 'running') return
    this.#noteSent()
    if (call.writer.takeDrain()) call.listener.drain?.()
  }

  /** An upload has no deadline while the upstream takes from it, nor while the caller has nothing to give. */
  #watchUpload(time: number): void {
    this.#noteSent()
    if (this.#stall.stalledMs(this.socket, time) < this.#owner.options.bodyIdleTimeoutMs) return
    this.#fail('write-timeout', 'the upstream stopped reading the request')
  }

  #finish(trailers: string[]): void {
    const call = this.#call!
    if (this.#isFitForAnother()) this.#free()
    else this.close()
    call.complete(trailers)
  }

  /** RFC 9112 §9.3, §9.6: only a connection whose both directions stand at a message boundary. */
  #isFitForAnother(): boolean {
    const { persistent, leftover } = this.#parser
    if (!persistent || leftover > 0 || !this.#sentWhole) return false
    return !this.#heldFin && !this.socket.destroyed && this.#idleAllowance() > 0
  }

  #idleAllowance(): number {
    return idleAllowanceMs(this.#parser.keepAliveSeconds, this.#owner.options.idleTimeoutMs)
  }

  #free(): void {
    this.state = 'idle'
    this.#call = undefined
    this.#isReused = true
    this.#heldTrailers = undefined
    this.idleSince = now()
    this.#deadline = this.idleSince + this.#idleAllowance()
    this.freedAt = noteFreed()
    this.#owner.freed(this)
  }

  // The socket's side

  connected(): void {
    if (this.state === 'connecting') this.#start()
  }

  received(buffer: Buffer, length: number): boolean {
    if (this.state !== 'running') {
      this.#unfit()
      return true
    }
    const call = this.#call!
    call.answered = true
    try {
      this.#parser.read(buffer, 0, length)
    } catch (error) {
      this.#onReadFailure(error)
      return true
    }
    if (this.#call !== call || this.#isPaused || !this.#parser.headDone) return !this.#isPaused
    this.#deadline = now() + this.#bodyIdleMs
    this.#buffer.expect(this.#parser.remaining, length)
    return true
  }

  nextBuffer(): Buffer | undefined {
    if (this.state === 'connecting') return this.#buffer.first()
    return this.#buffer.next(this.state === 'running')
  }

  #onReadFailure(error: unknown): void {
    if (!(error instanceof MalformedResponse)) {
      this.close()
      throw error
    }
    const code = this.#parser.headDone ? 'incomplete' : error.tooLarge ? 'head-too-large' : 'malformed'
    this.#fail(code, `the response is malformed: ${error.message}`, error)
  }

  finished(): void {
    // While connecting an error follows that says more.
    if (this.state === 'closed' || this.state === 'connecting') return
    if (this.state !== 'running') {
      this.#owner.leftIdle(this)
      this.#unfit()
      return
    }
    this.#heldFin = true
    if (this.#isPaused || this.#parser.finish()) return
    this.#cutShort('the upstream closed the connection', undefined)
  }

  notConnected(code: WireErrorCode, cause: unknown): void {
    if (this.state !== 'closed') this.#fail(code, `${code}: ${codeOf(cause)}`, cause)
  }

  broken(error: Error | undefined): void {
    if (this.state === 'closed') return
    if (this.state !== 'running') this.#unfit()
    // What came whole stays so: it only waits for the listener.
    else if (this.#heldTrailers === undefined && !(this.#isPaused && this.#heldFin && error === undefined))
      this.#cutShort(`the connection broke: ${codeOf(error)}`, error)
  }

  #cutShort(message: string, cause: unknown): void {
    this.#fail(this.#parser.headDone ? 'incomplete' : closeCode(cause, this.#isReused), message, cause)
  }

  /** Something came, or the upstream left, while no request was on its way. */
  #unfit(): void {
    const call = this.state === 'checking' ? this.#call : undefined
    this.close()
    if (call !== undefined) this.#owner.again(call)
  }

  #fail(code: WireErrorCode, message: string, cause?: unknown): void {
    const call = this.#call
    const sent = this.state === 'running'
    this.close()
    call?.fail(new WireError(code, message, { sent, answered: call.answered, reused: this.#isReused, cause }))
  }
}
