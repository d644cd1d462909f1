/** What is known about one client connection: how many exchanges are open on it, whether its bytes went bad, and how it closes. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { GatewayRequest } from '../exchange/gateway-request.ts'
import type { Problem } from '../problem.ts'
import { askWhetherThere } from './half-closed.ts'
import { linger } from './linger.ts'
import { ReadAhead } from './read-ahead.ts'

/** How many pipelined requests may wait before no more are read. */
const AHEAD = 16
/** Node takes a longer time for none. */
const MAX_TIMER_MS = 2 ** 31 - 1

export class ClientConnection {
  readonly #socket: Socket
  readonly #ahead: ReadAhead
  /** Whose answers are owed, in order. Only the first has been begun. */
  readonly #open: { readonly raw: GatewayRequest; readonly start: () => void }[] = []
  #lastWords: string | null = null
  #closing = false
  /** The request whose bytes arrive at present, or arrived last. */
  #current: GatewayRequest | null = null
  /** The client has half-closed, or left: what is open is the last of it. */
  #isLast = false
  readonly #silenceMs: number
  /** Blank lines begin no head, and keep Node's own clocks from striking (RFC 9112 §2.2). */
  #silence: NodeJS.Timeout | null = null

  /** `silenceMs`: from an answer to the end of the next head, at most. */
  constructor(socket: Socket, silenceMs: number) {
    this.#socket = socket
    this.#ahead = new ReadAhead(socket, () => this.#open.length <= AHEAD)
    this.#silenceMs = Math.min(silenceMs, MAX_TIMER_MS)
    // What Node's server calls after the last answer. The client may be sending yet, its next request or what is none.
    socket.destroySoon = () => {
      // Words behind the last answer are still to be said: see `end`.
      if (!this.#isLast || this.#lastWords === null) this.#close('')
    }
    socket.on('end', () => this.#ended())
    socket.on('close', () => this.#closed())
  }

  /** Node tells an answer of its connection's end only when its turn had come: the others are told here. */
  #closed(): void {
    this.leave()
    for (const { raw } of this.#open.splice(0)) raw.exchange?.leave(false)
  }

  /** Its requests are answered all the same: half-closing is legal (RFC 9112 §9.6). */
  #ended(): void {
    this.#isLast = true
    const response = this.#open[0]?.raw.exchange?.response
    if (response?.headersSent === true && !response.writableEnded) this.#socket.destroy()
    else this.#ask()
  }

  #ask(): void {
    const raw = this.#open[0]?.raw
    // HTTP/1.0 knows no interim answers (RFC 9110 §15.2).
    if (raw?.httpVersion !== '1.1') return
    askWhetherThere(() => (this.#open[0]?.raw === raw && !this.#socket.destroyed ? raw.exchange?.response : null))
  }

  /** No answer is owed, and more may be asked: the connection can be handed over as a whole. */
  get isFree(): boolean {
    return this.#open.length === 0 && !this.#closing && !this.#socket.destroyed
  }

  /** Nothing that still arrives is read as a request. */
  get isClosing(): boolean {
    return this.#closing
  }

  /** The client has ended its side, and asked for nothing behind this. */
  isLast(raw: GatewayRequest): boolean {
    // Other words than none are said behind the answer: see `end`.
    const ends = this.#lastWords === null ? this.#isLast : this.#lastWords === ''
    return ends && this.#open.at(-1)?.raw === raw
  }

  /** No next request is awaited: its socket is a tunnel from now on, closes, or is gone. */
  leave(): void {
    clearTimeout(this.#silence ?? undefined)
    this.#ahead.stop()
  }

  #awaitNext(): void {
    const late = () => {
      if (this.#open.length === 0) this.#socket.destroy()
    }
    if (this.#silence === null) this.#silence = setTimeout(late, this.#silenceMs).unref()
    else this.#silence.refresh()
  }

  #close(lastWords: string): void {
    if (this.#closing) return
    this.#closing = true
    this.leave()
    // Takes reading back from Node's parser: what still comes is thrown away, and no more requests are made of it.
    this.#socket.removeAllListeners('data').on('data', ignore)
    linger(this.#socket, lastWords)
  }

  /**
   * Calls `start` when all before it have been answered: an answer may end the connection, and what stands behind it is not to be
   * carried out then (RFC 9112 §9.6).
   */
  begin(raw: GatewayRequest, start: () => void): void {
    this.#current = raw
    this.#ahead.begun()
    this.#open.push({ raw, start })
    if (this.#open.length === 1) start()
  }

  end(raw: GatewayRequest): void {
    if (this.#open[0]?.raw !== raw) return
    this.#open.shift()
    const next = this.#open[0]
    if (next === undefined && this.#lastWords !== null) this.#close(isLastAnswer(raw) ? '' : this.#lastWords)
    if (this.#closing || this.#socket.writableEnded || this.#socket.destroyed) return
    if (this.#open.length <= AHEAD) this.#socket.resume()
    if (next === undefined) this.#awaitNext()
    next?.start()
    if (this.#isLast) this.#ask()
  }

  /**
   * Nothing after bad bytes can be understood: says so once the answers before them are out, and closes. Where the bad
   * bytes are the body of a request under way, it is that request that is told, through its stream.
   */
  refuse(problem: Problem, answer: string): void {
    if (this.#open.length === 0) {
      this.#close(answer)
      return
    }
    const uploading = this.#uploading
    // One whose turn has not come is not begun any more: this is said in its place.
    const last = this.#open.at(-1)!
    if (this.#open.length > 1 && !last.raw.complete) this.#open.pop()
    this.#lastWords = uploading === null ? answer : ''
    uploading?.emit('error', problem)
  }

  /**
   * The client stopped in the middle of a request: it waits for no answers before that one, and nothing else would tell
   * that it is gone.
   */
  breakOff(problem: Problem, answer: string): void {
    const { length } = this.#open
    if (length === 0 || (length === 1 && this.#uploading !== null)) this.refuse(problem, answer)
    else this.#socket.destroy()
  }

  /** The request whose body is on its way to somebody. */
  get #uploading(): GatewayRequest | null {
    const raw = this.#current
    return raw !== null && !raw.complete && raw.listenerCount('error') > 0 ? raw : null
  }
}

function ignore(): void {}

/** It said so (RFC 9112 §9.6): what follows would be taken for more of its body by clients that read to the end. */
function isLastAnswer({ exchange }: GatewayRequest): boolean {
  const response = exchange?.response as ServerResponse | null | undefined
  return response?.shouldKeepAlive === false || exchange?.reply.headers.get('connection') === 'close'
}
