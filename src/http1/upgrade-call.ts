/**
 * One request for another protocol (RFC 9110 §7.8), on a connection of its own.
 *
 * connecting → asked → switched | refused; any → over. Once switched the socket is the listener's.
 */
import type { Socket } from 'node:net'
import type { RequestHead, ResponseHead, ResponseListener } from './client.ts'
import { type ConnectEvents, closeCode, codeOf } from './dial.ts'
import { MalformedResponse } from './field-section.ts'
import type { Pool } from './pool.ts'
import { headText } from './request-writer.ts'
import { ResponseParser, type ResponseSink } from './response-parser.ts'
import { WireError, type WireErrorCode } from './wire-error.ts'

/** Is told one of: `switched`; `head`, pieces and `end` of a refusal; `error`, which may also cut a refusal short. */
export interface UpgradeListener extends Pick<ResponseListener, 'head' | 'end' | 'error'> {
  /** The upstream speaks the other protocol from `early` on. The socket is paused, and may be half-closed. */
  switched(fields: string[], socket: Socket, early: Buffer): void
  /** One piece of a refusal's body; false to pause. */
  data(chunk: Buffer): boolean
}

export class UpgradeCall implements ConnectEvents, ResponseSink {
  readonly #pool: Pool
  readonly #head: string
  readonly #listener: UpgradeListener
  readonly #parser: ResponseParser
  readonly #socket: Socket
  readonly #onData = (chunk: Buffer) => this.#read(chunk)
  readonly #onEnd = () => this.#finished()
  #reading: Buffer = Buffer.alloc(0)
  #deadline: NodeJS.Timeout
  #isAsked = false
  #isOver = false
  /** A byte of the response has come. */
  answered = false

  /** Throws TypeError for a head that must not go on the wire, WireError where no connection can be tried at all. */
  constructor(pool: Pool, head: RequestHead, listener: UpgradeListener) {
    this.#pool = pool
    this.#head = headText(head)
    this.#listener = listener
    this.#parser = new ResponseParser(this, pool.options)
    try {
      this.#socket = pool.dialer.dialStream(this)
    } catch (cause) {
      throw new WireError('tls-failed', 'no connection can be made', { cause })
    }
    this.#deadline = this.#within(pool.options.connectTimeoutMs, 'connect-timeout')
  }

  /** Gives up: the listener is not told anything more. */
  abort(): void {
    this.#end()
    this.#socket.destroy()
  }

  /** Goes on with a refusal's body after a pause. */
  resume(): void {
    if (this.#isOver) return
    this.#expectBody()
    this.#socket.resume()
  }

  connected(): void {
    if (this.#isOver) return
    this.#isAsked = true
    this.#parser.expect('GET')
    clearTimeout(this.#deadline)
    this.#deadline = this.#within(this.#pool.options.responseTimeoutMs, 'response-timeout')
    this.#socket.on('data', this.#onData)
    this.#socket.on('end', this.#onEnd)
    this.#socket.write(this.#head, 'latin1')
  }

  notConnected(code: WireErrorCode, cause: unknown): void {
    this.#fail(code, `${code}: ${codeOf(cause)}`, cause)
  }

  broken(error: Error | undefined): void {
    this.#cutShort(`the connection broke: ${codeOf(error)}`, error)
  }

  informational(): void {}

  switched(fields: string[], end: number): void {
    this.#end()
    const socket = this.#socket
    socket.pause()
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    this.#listener.switched(fields, socket, this.#reading.subarray(end))
  }

  head(head: ResponseHead): void {
    this.#expectBody()
    this.#listener.head(head)
  }

  body(buffer: Buffer, from: number, to: number): void {
    if (this.#isOver) return
    this.#deadline.refresh()
    if (this.#listener.data(buffer.subarray(from, to))) return
    // Time in which we do not read is not the upstream's.
    clearTimeout(this.#deadline)
    this.#socket.pause()
  }

  complete(trailers: string[]): void {
    if (this.#isOver) return
    this.abort()
    this.#listener.end(trailers)
  }

  #read(chunk: Buffer): void {
    this.#reading = chunk
    this.answered = true
    try {
      this.#parser.read(chunk, 0, chunk.length)
    } catch (error) {
      if (!(error instanceof MalformedResponse)) throw error
      const code = this.#parser.headDone ? 'incomplete' : error.tooLarge ? 'head-too-large' : 'malformed'
      this.#fail(code, `the response is malformed: ${error.message}`, error)
    }
  }

  #finished(): void {
    if (!this.#isOver && !this.#parser.finish()) this.#cutShort('the upstream closed the connection', undefined)
  }

  #cutShort(message: string, cause: unknown): void {
    this.#fail(this.#parser.headDone ? 'incomplete' : closeCode(cause, false), message, cause)
  }

  #expectBody(): void {
    clearTimeout(this.#deadline)
    this.#deadline = this.#within(this.#pool.options.bodyIdleTimeoutMs, 'body-timeout')
  }

  #within(ms: number, code: WireErrorCode): NodeJS.Timeout {
    return setTimeout(() => this.#fail(code, code), ms).unref()
  }

  #fail(code: WireErrorCode, message: string, cause?: unknown): void {
    if (this.#isOver) return
    this.abort()
    this.#listener.error(new WireError(code, message, { sent: this.#isAsked, answered: this.answered, cause }))
  }

  #end(): void {
    this.#isOver = true
    clearTimeout(this.#deadline)
    this.#parser.stop()
  }
}
