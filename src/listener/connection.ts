/** What is known about one client connection: how many exchanges are open on it, whether its bytes went bad, and how it closes. */
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Problem } from '../problem.ts'

/** How long a closing connection is read after its client fell silent, and at most. */
const SILENCE_MS = 1000
const LINGER_MS = 10_000

export class ClientConnection {
  readonly #socket: Socket
  #open = 0
  #lastWords: string | null = null
  #closing = false
  /** The request whose bytes arrive at present, or arrived last. */
  #current: IncomingMessage | null = null

  constructor(socket: Socket) {
    this.#socket = socket
    // What Node's server calls after the last answer.
    socket.destroySoon = () => {
      if (this.#current === null || this.#current.complete) Socket.prototype.destroySoon.call(socket)
      else this.#close('')
    }
  }

  /** Requests are under way here. */
  get isBusy(): boolean {
    return this.#open > 0
  }

  /** Nothing that still arrives is read as a request. */
  get isClosing(): boolean {
    return this.#closing
  }

  /**
   * Says the last words and goes on reading until the client has stopped: a reset, which is what closing a connection
   * with unread bytes comes to, would take the answer from a client that is still sending (RFC 9112 §9.6).
   */
  #close(lastWords: string): void {
    if (this.#closing) return
    this.#closing = true
    const socket = this.#socket
    socket.end(lastWords)
    socket.resume()
    socket.setTimeout(SILENCE_MS, () => socket.destroy())
    const limit = setTimeout(() => socket.destroy(), LINGER_MS)
    limit.unref()
    socket.once('close', () => clearTimeout(limit))
  }

  begin(raw: IncomingMessage): void {
    this.#current = raw
    this.#open++
  }

  end(): void {
    this.#open--
    if (this.#open === 0 && this.#lastWords !== null) this.#close(this.#lastWords)
  }

  /**
   * Nothing after bad bytes can be understood: says so once the answers before them are out, and closes. Where the bad
   * bytes are the body of a request under way, it is that request that is told, through its stream.
   */
  refuse(problem: Problem, answer: string): void {
    if (this.#open === 0) {
      this.#close(answer)
      return
    }
    const raw = this.#current
    const uploading = raw !== null && !raw.complete && raw.listenerCount('error') > 0
    this.#lastWords = uploading ? '' : answer
    if (uploading) raw.emit('error', problem)
  }
}
