/** What is known about one client connection: how many exchanges are open on it, and whether its bytes went bad. */
import type { Socket } from 'node:net'

export class ClientConnection {
  readonly #socket: Socket
  #open = 0
  #last: string | null = null

  constructor(socket: Socket) {
    this.#socket = socket
  }

  begin(): void {
    this.#open++
  }

  end(): void {
    this.#open--
    if (this.#open === 0 && this.#last !== null) this.#socket.end(this.#last)
  }

  /** Sends last words once the answers before them are out, and closes: nothing after bad bytes can be understood. */
  endWith(answer: string): void {
    if (this.#open > 0) this.#last = answer
    else this.#socket.end(answer)
  }
}
