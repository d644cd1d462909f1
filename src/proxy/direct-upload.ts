/** The request body straight from the client's connection to the upstream's: no stream between, and no memory but what it was read into. */
import type { BodySink } from '../exchange/client.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { ClientRequest } from '../http1/client.ts'
import type { Problem } from '../problem.ts'
import { type BodyUpload, bodyTooSlow, clientClosed, type UploadOptions } from './upload.ts'

/** For bodies that nobody looks at, changes, or may have to send again. */
export class DirectUpload implements BodyUpload, BodySink {
  readonly #exchange: Exchange
  readonly #options: UploadOptions
  readonly #idle: NodeJS.Timeout
  #request: ClientRequest | null = null
  /** For the upstream to take what it was given. */
  #isWaiting = false
  #isDone = false

  constructor(exchange: Exchange, options: UploadOptions) {
    this.#exchange = exchange
    this.#options = options
    this.#idle = setTimeout(() => this.#tooSlow(), options.idleMs)
  }

  start(request: ClientRequest): void {
    this.#request = request
    this.#exchange.raw!.readInto!(this)
  }

  /** Nothing of the body is kept: only one that was not begun can be sent by another attempt. */
  get isWhole(): boolean {
    return this.#request === null
  }

  hold(): void {}

  restart(request: ClientRequest): void {
    this.start(request)
  }

  drain(): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#idle.refresh()
    this.#exchange.raw!.socket.resume()
  }

  stop(): void {
    if (this.#isDone) return
    this.#end()
    // An origin that has answered early may be sent the last piece yet.
    if (this.#isWaiting) this.#exchange.raw!.leaveLent!()
    this.#exchange.raw!.socket.resume()
  }

  // The body

  data(piece: Buffer, isLent: boolean): boolean {
    if (this.#isDone) return true
    this.#exchange.received += piece.length
    this.#idle.refresh()
    const request = this.#request!
    this.#isWaiting = !(isLent ? request.lend(piece) : request.write(piece))
    return !this.#isWaiting
  }

  end(): void {
    if (this.#isDone) return
    this.#end()
    this.#request!.end()
  }

  broken(problem: Problem | null): void {
    if (this.#isDone) return
    this.#end()
    this.#options.events.failed(problem ?? clientClosed())
  }

  #end(): void {
    this.#isDone = true
    clearTimeout(this.#idle)
  }

  #tooSlow(): void {
    if (this.#isDone) return
    if (this.#isWaiting || this.#request === null) this.#idle.refresh()
    else this.broken(bodyTooSlow())
  }
}
