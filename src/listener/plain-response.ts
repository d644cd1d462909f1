/** The answer to a plain request, straight onto its connection: head and a small body leave in one write (one syscall instead of two). */

import { Buffer } from 'node:buffer'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { composeHead } from '../exchange/answer-head.ts'
import type { ClientResponse } from '../exchange/client.ts'
import { isFieldValue, isToken } from '../exchange/headers.ts'
import { type AnswerPage, pageWithRoom } from './answer-page.ts'
import { type Sender, sendAfterTurn } from './send-turn.ts'

/** Above this a piece is not worth copying to stand with what goes before it. */
const JOINED = 64 * 1024
/** What is held back for the end of a turn, at most. */
const HELD = 64 * 1024
/** Above this a piece is better off as bytes than as text. */
const TEXT = 1024
/** Room behind bytes for the end of a chunked body. */
const TAIL = 64

const NONE: readonly string[] = []

type Listener = () => void

/** The connection that the answer goes out on. */
export interface AnswerOutlet {
  readonly socket: Socket
  readonly keepAliveMs: number
  /** To be called when the kernel has taken the last byte of an answer. */
  readonly flushed: Listener
  /** The client does not take what it was sent. */
  stalled(): void
}

export class PlainResponse implements ClientResponse, Sender {
  statusMessage = ''
  headersSent = false
  writableFinished = false
  /** The connection ends with this answer. */
  closes = false
  readonly #outlet: AnswerOutlet
  readonly #isHead: boolean
  /** TLS keeps what it is given until it is encrypted: a page would be kept for each answer. */
  readonly #isSecure: boolean
  #chunked = false
  #bodiless = false
  #ended = false
  /** Composed, and not given to the socket yet: bytes on a page, then text. */
  #page: AnswerPage | null = null
  #from = 0
  #to = 0
  #pending = ''
  #isDue = false
  /** Of the answer, interim ones aside. */
  #hasGoneOut = false
  #trailers = ''
  #closeListeners: Listener[] | null = null
  #drainListeners: Listener[] | null = null
  #timeoutListeners: Listener[] | null = null

  constructor(outlet: AnswerOutlet, method: string) {
    this.#outlet = outlet
    this.#isHead = method === 'HEAD'
    this.#isSecure = 'encrypted' in outlet.socket
  }

  get socket(): Socket {
    return this.#outlet.socket
  }

  get writableEnded(): boolean {
    return this.#ended
  }

  /** Part of it has gone out, and the rest is not known yet. */
  get isUnderWay(): boolean {
    return this.#hasGoneOut && !this.#ended
  }

  get destroyed(): boolean {
    return this.socket.destroyed
  }

  get writableLength(): number {
    return this.socket.writableLength
  }

  /** Throws TypeError on what HTTP does not know. */
  writeHead(status: number, reason: string, fields: string[], parsed: readonly string[] = NONE): void {
    const bodiless = this.#isHead || status === 204 || status === 304
    const { keepAliveMs } = this.#outlet
    const head = composeHead({ status, reason, fields, parsed, bodiless, keepAliveMs })
    if (head === null) throw new TypeError('an answer has a status or a field that HTTP does not know')
    this.#pending += head.text
    this.#chunked = head.chunked
    this.#bodiless = bodiless
    this.closes = head.closes
    this.headersSent = true
    // A body may have nothing to say for a while; and where it breaks off, a client that got no byte could not tell that it was answered.
    this.#sendLater()
  }

  takeBack(): boolean {
    if (this.#hasGoneOut || this.#ended) return false
    this.#pending = ''
    this.#dropPage()
    this.headersSent = false
    return true
  }

  writeContinue(): void {
    this.writeInformation(100, [])
  }

  /** RFC 9110 §15.2. */
  writeInformation(status: number, fields: string[]): void {
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`
    for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`
    this.socket.write(`${text}\r\n`, 'latin1')
  }

  copies(length: number): boolean {
    return length <= JOINED && this.writableLength === 0
  }

  write(chunk: Buffer | string, encodingOrFlushed?: 'latin1' | Listener, last?: Listener): boolean {
    if (typeof chunk !== 'string' && !Buffer.isBuffer(chunk))
      throw new TypeError('a piece of a body is neither text nor bytes')
    const flushed = typeof encodingOrFlushed === 'function' ? encodingOrFlushed : last
    if (this.#bodiless || this.#ended || chunk.length === 0) return true
    // A connection that is behind is written to at once: who waits for it has to hear when it has caught up.
    if (!this.copies(chunk.length)) return this.#writeThrough(chunk, flushed)
    if (this.#chunked) this.#pending += `${chunk.length.toString(16)}\r\n`
    if (typeof chunk === 'string') this.#pending += chunk
    else if (this.#isSecure || (chunk.length <= TEXT && this.#page === null)) this.#pending += chunk.toString('latin1')
    else this.#copy(chunk)
    if (this.#chunked) this.#pending += '\r\n'
    if (this.#pending.length + this.#to - this.#from > HELD) this.#sendNow(flushed)
    else this.#sendLater()
    return true
  }

  /** `flushed` is called where the socket does not take all of it at once. */
  #sendNow(flushed: Listener | undefined): void {
    const { socket } = this
    this.#sendPending(this.#isSecure ? flushed : undefined)
    if (!this.#isSecure && flushed !== undefined && socket.writableLength > 0) socket.write('', 'latin1', flushed)
  }

  /** What is pending as text moves onto a page, and the piece behind it. */
  #copy(chunk: Buffer): void {
    const room = this.#pending.length + chunk.length + TAIL
    let page = this.#page
    if (page !== null && (page.used !== this.#to + TAIL || this.#to + room > page.bytes.length)) {
      this.#sendPending()
      page = null
    }
    if (page === null) {
      page = pageWithRoom(room)
      this.#page = page
      this.#from = page.used
      this.#to = page.used
    }
    this.#to += page.bytes.write(this.#pending, this.#to, 'latin1')
    this.#to += chunk.copy(page.bytes, this.#to)
    page.used = this.#to + TAIL
    this.#pending = ''
  }

  /** What follows in the same turn, an end above all, leaves in the same write. */
  #sendLater(): void {
    if (this.#isDue) return
    this.#isDue = true
    sendAfterTurn(this)
  }

  #writeThrough(chunk: Buffer | string, flushed: Listener | undefined): boolean {
    const { socket } = this
    socket.cork()
    if (this.#chunked) this.#pending += `${chunk.length.toString(16)}\r\n`
    this.#sendPending()
    const last = this.#chunked ? undefined : flushed
    if (typeof chunk === 'string') socket.write(chunk, 'latin1', last)
    else socket.write(chunk, last)
    if (this.#chunked) socket.write('\r\n', 'latin1', flushed)
    socket.uncork()
    return !socket.writableNeedDrain
  }

  /** The turn is over. */
  send(): void {
    this.#isDue = false
    const { socket } = this
    if (socket.destroyed) return
    if (!this.#ended) {
      this.#sendPending()
      return
    }
    const { flushed } = this.#outlet
    if (this.#isSecure) this.#sendPending(flushed)
    else this.#sendPending()
    // Most answers are with the kernel when the write returns: no callback, no tick.
    if (socket.writableLength > 0) this.#outlet.stalled()
    if (this.#isSecure) return
    if (socket.writableLength === 0) flushed()
    else socket.write('', 'latin1', flushed)
  }

  #sendPending(flushed?: Listener): void {
    const { socket } = this
    if (socket.destroyed) return
    this.#hasGoneOut = this.headersSent
    if (this.#page !== null) this.#sendPage(this.#page)
    const text = this.#pending
    this.#pending = ''
    if (text !== '' || flushed !== undefined) socket.write(text, 'latin1', flushed)
  }

  /** The text behind it leaves in the same write where it fits. */
  #sendPage(page: AnswerPage): void {
    const { socket } = this
    if (this.#pending.length <= TAIL) {
      this.#to += page.bytes.write(this.#pending, this.#to, 'latin1')
      this.#pending = ''
    }
    socket.write(page.bytes.subarray(this.#from, this.#to))
    if (socket.writableLength > 0) page.isPinned = true
    this.#dropPage()
  }

  #dropPage(): void {
    this.#page = null
    this.#from = 0
    this.#to = 0
  }

  addTrailers(fields: [string, string][]): void {
    for (const [name, value] of fields) {
      if (!isToken(name) || !isFieldValue(value)) throw new TypeError('a trailer has bytes that HTTP does not know')
      this.#trailers += `${name}: ${value}\r\n`
    }
  }

  end(body?: Buffer | string, _encoding?: 'latin1'): void {
    if (this.#ended) return
    if (body !== undefined && body.length > 0) this.write(body as Buffer)
    this.#ended = true
    if (this.#chunked) this.#pending += `0\r\n${this.#trailers}\r\n`
    this.#sendLater()
  }

  destroy(): void {
    this.socket.destroy()
  }

  on(event: 'close' | 'drain' | 'timeout', listener: Listener): void {
    if (event === 'close') this.#closeListeners = added(this.#closeListeners, listener)
    else if (event === 'drain') this.#drainListeners = added(this.#drainListeners, listener)
    else this.#timeoutListeners = added(this.#timeoutListeners, listener)
  }

  /** The answer has its connection from the start: nothing to wait for. */
  once(_event: 'socket', _listener: Listener): void {}

  listenerCount(_event: 'timeout'): number {
    return this.#timeoutListeners?.length ?? 0
  }

  // The connection's side

  drained(): void {
    tell(this.#drainListeners)
  }

  /** False: nobody waits for that. */
  timedOut(): boolean {
    tell(this.#timeoutListeners)
    return this.#timeoutListeners !== null
  }

  /** Over: all of it is out, or the connection is gone. */
  closed(finished: boolean): void {
    this.writableFinished = finished
    tell(this.#closeListeners)
  }
}

function added(listeners: Listener[] | null, listener: Listener): Listener[] {
  if (listeners === null) return [listener]
  listeners.push(listener)
  return listeners
}

function tell(listeners: Listener[] | null): void {
  if (listeners !== null) for (const listener of listeners) listener()
}
