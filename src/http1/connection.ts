/**
 * One socket to the upstream, one request at a time.
 *
 * connecting → running → idle → checking → running → idle …; any → closed. `checking`: taken, but nothing written before the
 * event loop has polled (poll-turn.ts). Only `running` has a response; whatever the upstream sends in another state closes.
 */
import type { Socket } from 'node:net'
import type { Call, Carrier } from './call.ts'
import type { PoolOptions, ResponseHead } from './client.ts'
import { codeOf, connectFailure, type Dialer } from './dial.ts'
import { MalformedResponse } from './field-section.ts'
import { afterPoll, noteFreed, type Settling } from './poll-turn.ts'
import { giveBack, SHARED_SIZE, sharedBuffer, takeBodyBuffer } from './read-buffers.ts'
import { ResponseParser, type ResponseSink } from './response-parser.ts'
import { now } from './sweep.ts'
import { WireError, type WireErrorCode } from './wire-error.ts'

/** What a connection tells the pool it belongs to. */
export interface ConnectionOwner {
  readonly options: PoolOptions
  readonly dialer: Dialer
  /** It is idle and may carry another request at once. */
  freed(connection: Connection): void
  /** It has left for good. */
  gone(connection: Connection): void
  /** It was not fit for the request it was given; nothing of that was written. */
  again(call: Call): void
}

type State = 'connecting' | 'running' | 'idle' | 'checking' | 'closed'

export class Connection implements Carrier, Settling, ResponseSink {
  state: State = 'connecting'
  freedAt = 0
  readonly #owner: ConnectionOwner
  readonly #socket: Socket
  readonly #parser: ResponseParser
  readonly #flushed = () => this.#onFlushed()
  #call: Call | undefined
  /** When the present state has lasted too long, and what that is called. */
  #deadline: number
  #overdue: WireErrorCode = 'connect-timeout'
  #isReused = false
  #tcpConnected = false
  #lookupFailed = false

  /** The kernel has the whole request: from here on the upstream is waited for. */
  #sentWhole = false
  #flushes = 0
  #seenFlushes = 0
  #seenQueue = 0
  #stalledSince = 0

  #isPaused = false
  #isDelivering = false
  #resumedInside = false
  /** The response is complete but its end is withheld while the listener is paused. */
  #heldTrailers: string[] | undefined
  #heldFin = false
  #bodyBuffer: Buffer | undefined
  #wantsBodyBuffer = false

  constructor(owner: ConnectionOwner, call: Call) {
    this.#owner = owner
    this.#call = call
    this.#parser = new ResponseParser(this, owner.options)
    this.#deadline = now() + owner.options.connectTimeoutMs
    call.carriedBy(this, false)
    this.#socket = owner.dialer.dial({
      buffer: () => this.#nextBuffer() as Buffer,
      callback: (length, buffer) => this.#received(buffer as Buffer, length),
    })
    this.#listen()
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
    // Not given back: the client may still be sent from it.
    this.#bodyBuffer = undefined
    this.#parser.stop()
    this.#socket.destroy()
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
    this.#deadline = now() + this.#owner.options.bodyIdleTimeoutMs
    const trailers = this.#heldTrailers
    this.#socket.resume()
    if (trailers !== undefined) this.#finish(trailers)
    else if (this.#heldFin) this.#onFin()
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
    call.listener.head(head)
  }

  body(buffer: Buffer, from: number, to: number): void {
    const call = this.#call!
    const isHeld = this.#owner.dialer.isSecure || buffer === this.#bodyBuffer
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
    this.#stalledSince = 0
    this.#overdue = 'response-timeout'
    this.#deadline = Infinity
    this.#parser.expect(call.method)
    call.writer.start(this.#socket, this.#flushed)
    this.#noteSent()
    call.listener.sent?.()
    if (this.#call === call && call.writer.takeDrain()) call.listener.drain?.()
  }

  /** Starts waiting for the head once the kernel has taken the whole request. */
  #noteSent(): void {
    if (this.#sentWhole || !this.#call!.writer.ended || this.#socket.writableLength > 0) return
    this.#sentWhole = true
    if (!this.#parser.headDone) this.#deadline = now() + this.#owner.options.responseTimeoutMs
  }

  #onFlushed(): void {
    this.#flushes++
    const call = this.#call
    if (call === undefined || this.state !== 'running') return
    this.#noteSent()
    if (call.writer.takeDrain()) call.listener.drain?.()
  }

  /** An upload has no deadline while the upstream takes from it, nor while the caller has nothing to give. */
  #watchUpload(time: number): void {
    if (this.#socket.writableLength === 0) {
      this.#stalledSince = 0
      this.#noteSent()
      return
    }
    const queue = unsentBytes(this.#socket)
    if (this.#stalledSince === 0 || this.#flushes !== this.#seenFlushes || queue < this.#seenQueue) {
      this.#stalledSince = time
    }
    this.#seenFlushes = this.#flushes
    this.#seenQueue = queue
    if (time - this.#stalledSince < this.#owner.options.bodyIdleTimeoutMs) return
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
    const { persistent, leftover, keepAliveSeconds } = this.#parser
    if (!persistent || leftover > 0 || !this.#sentWhole || this.#heldFin || this.#socket.destroyed) return false
    return keepAliveSeconds < 0 || keepAliveSeconds > 1
  }

  #free(): void {
    const hint = this.#parser.keepAliveSeconds
    const idleMs = this.#owner.options.idleTimeoutMs
    this.state = 'idle'
    this.#call = undefined
    this.#isReused = true
    this.#heldTrailers = undefined
    this.#deadline = now() + (hint < 0 ? idleMs : Math.min(idleMs, (hint - 1) * 1000))
    this.freedAt = noteFreed()
    this.#owner.freed(this)
  }

  // The socket's side

  #listen(): void {
    const socket = this.#socket
    socket.once('lookup', (error: Error | null) => {
      this.#lookupFailed = error !== null && error !== undefined
    })
    socket.once('connect', () => this.#onConnect())
    socket.on('end', () => this.#onFin())
    // Stays for the life of the socket: an error after destroy must find a listener.
    socket.on('error', (error) => this.#onError(error))
    socket.on('close', () => this.#onError(undefined))
    if (!this.#owner.dialer.isSecure) return
    socket.once('secureConnect', () => this.#onSecure())
    socket.on('data', (chunk: Buffer) => {
      if (!this.#received(chunk, chunk.length)) socket.pause()
    })
  }

  #onConnect(): void {
    this.#tcpConnected = true
    if (!this.#owner.dialer.isSecure && this.state === 'connecting') this.#start()
  }

  #onSecure(): void {
    this.#socket.setNoDelay(true)
    this.#socket.setKeepAlive(true)
    if (this.state === 'connecting') this.#start()
  }

  /** Returns false to stop reading. */
  #received(buffer: Buffer, length: number): boolean {
    if (this.state !== 'running') {
      this.#unfit()
      return true
    }
    const call = this.#call
    try {
      this.#parser.read(buffer, 0, length)
    } catch (error) {
      this.#onReadFailure(error)
      return true
    }
    if (this.#call !== call || this.#isPaused) return !this.#isPaused
    if (this.#parser.headDone) this.#awaitBody(length)
    return true
  }

  #awaitBody(length: number): void {
    this.#overdue = 'body-timeout'
    this.#deadline = now() + this.#owner.options.bodyIdleTimeoutMs
    const { remaining } = this.#parser
    this.#wantsBodyBuffer = remaining > SHARED_SIZE || (remaining < 0 && length === SHARED_SIZE)
  }

  /** Asked after every read: a new buffer, or undefined to keep the present one. */
  #nextBuffer(): Buffer | undefined {
    if (this.state === 'connecting') return sharedBuffer()
    if (this.state === 'closed') return undefined
    if (this.#bodyBuffer === undefined) {
      if (!this.#wantsBodyBuffer || this.state !== 'running') return undefined
      this.#bodyBuffer = takeBodyBuffer()
      return this.#bodyBuffer
    }
    if (this.state === 'running') return undefined
    giveBack(this.#bodyBuffer)
    this.#bodyBuffer = undefined
    this.#wantsBodyBuffer = false
    return sharedBuffer()
  }

  #onReadFailure(error: unknown): void {
    if (!(error instanceof MalformedResponse)) {
      this.close()
      throw error
    }
    const code = this.#parser.headDone ? 'incomplete' : error.tooLarge ? 'head-too-large' : 'malformed'
    this.#fail(code, `the response is malformed: ${error.message}`, error)
  }

  #onFin(): void {
    if (this.state === 'closed') return
    if (this.state !== 'running') {
      if (this.state === 'connecting') this.#onError(undefined)
      else this.#unfit()
      return
    }
    this.#heldFin = true
    if (this.#isPaused || this.#parser.finish()) return
    this.#cutShort('the upstream closed the connection', undefined)
  }

  #onError(error: NodeJS.ErrnoException | undefined): void {
    if (this.state === 'closed') return
    if (this.state === 'connecting') {
      const progress = { lookupFailed: this.#lookupFailed, tcpConnected: this.#tcpConnected }
      if (this.#tcpConnected) this.#owner.dialer.forgetSession()
      const code = connectFailure(error ?? ({} as NodeJS.ErrnoException), progress)
      this.#fail(code, `${code}: ${codeOf(error)}`, error)
      return
    }
    if (this.state !== 'running') this.#unfit()
    // What is complete stays so: its end only waits for the listener.
    else if (this.#heldTrailers === undefined && !(this.#isPaused && this.#heldFin && error === undefined)) {
      this.#cutShort(`the connection broke: ${codeOf(error)}`, error)
    }
  }

  #cutShort(message: string, cause: unknown): void {
    this.#fail(this.#parser.headDone ? 'incomplete' : 'closed', message, cause)
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
    const answered = sent && this.#parser.answered
    this.close()
    call?.fail(new WireError(code, message, { sent, answered, reused: this.#isReused, cause }))
  }
}

/** Bytes of the running write the kernel has not taken; the public count moves only when a write is done. */
function unsentBytes(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle: { writeQueueSize?: number } | null }
  return handle?.writeQueueSize ?? 0
}
