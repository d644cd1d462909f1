/** What is known about one client connection: how many exchanges are open on it, and whether its bytes went bad. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Problem } from '../problem.ts'

export class ClientConnection {
  readonly #socket: Socket
  #open = 0
  #lastWords: string | null = null
  /** The request whose bytes arrive at present, or arrived last. */
  #current: IncomingMessage | null = null

  constructor(socket: Socket) {
    this.#socket = socket
  }

  begin(raw: IncomingMessage): void {
    this.#current = raw
    this.#open++
  }

  end(): void {
    this.#open--
    if (this.#open === 0 && this.#lastWords !== null) this.#socket.end(this.#lastWords)
  }

  /**
   * Nothing after bad bytes can be understood: says so once the answers before them are out, and closes. Where the bad
   * bytes are the body of a request under way, it is that request that is told, through its stream.
   */
  refuse(problem: Problem, answer: string): void {
    if (this.#open === 0) {
      this.#socket.end(answer)
      return
    }
    const raw = this.#current
    const uploading = raw !== null && !raw.complete && raw.listenerCount('error') > 0
    this.#lastWords = uploading ? '' : answer
    if (uploading) raw.emit('error', problem)
  }
}
