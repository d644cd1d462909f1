/** What is known about one client connection: how many exchanges are open on it, whether its bytes went bad, and how it closes. */
import { Socket } from 'node:net'
import type { GatewayRequest } from '../exchange/gateway-request.ts'
import type { Problem } from '../problem.ts'
import { linger } from './linger.ts'

export class ClientConnection {
  readonly #socket: Socket
  /** Whose answers are owed, in order. */
  readonly #open: GatewayRequest[] = []
  #lastWords: string | null = null
  #closing = false
  /** The request whose bytes arrive at present, or arrived last. */
  #current: GatewayRequest | null = null

  constructor(socket: Socket) {
    this.#socket = socket
    // What Node's server calls after the last answer.
    socket.destroySoon = () => {
      if (this.#current === null || this.#current.complete) Socket.prototype.destroySoon.call(socket)
      else this.#close('')
    }
    socket.on('close', () => this.#closed())
  }

  /** Node tells an answer of its connection's end only when its turn had come: the others are told here. */
  #closed(): void {
    for (const raw of this.#open.splice(0)) raw.exchange?.leave(false)
  }

  /** No answer is owed, and more may be asked: the connection can be handed over as a whole. */
  get isFree(): boolean {
    return this.#open.length === 0 && !this.#closing && !this.#socket.destroyed
  }

  /** Nothing that still arrives is read as a request. */
  get isClosing(): boolean {
    return this.#closing
  }

  #close(lastWords: string): void {
    if (this.#closing) return
    this.#closing = true
    linger(this.#socket, lastWords)
  }

  begin(raw: GatewayRequest): void {
    this.#current = raw
    this.#open.push(raw)
  }

  end(raw: GatewayRequest): void {
    const at = this.#open.indexOf(raw)
    if (at !== -1) this.#open.splice(at, 1)
    if (this.#open.length === 0 && this.#lastWords !== null) this.#close(this.#lastWords)
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
