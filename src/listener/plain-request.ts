/** A request that the plain path has read: its head whole, its body as it comes. */
import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { ReceivedRequest } from '../exchange/client.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Problem } from '../problem.ts'
import type { PlainHead } from './plain-head.ts'

export class PlainRequest implements ReceivedRequest {
  readonly method: string
  url: string
  readonly rawHeaders: string[]
  readonly socket: Socket
  exchange: Exchange | null = null
  listener: { readonly draining: boolean } | null
  /** Bytes of the body that have not come. */
  #missing: number
  #incoming: IncomingMessage | null = null
  #isBroken = false

  constructor(head: PlainHead, socket: Socket, listener: { readonly draining: boolean }) {
    this.method = head.method
    this.url = head.url
    this.rawHeaders = head.fields
    this.socket = socket
    this.listener = listener
    this.#missing = head.length
  }

  get httpVersion(): string {
    return '1.1'
  }

  get httpVersionMinor(): number {
    return 1
  }

  get missing(): number {
    return this.#missing
  }

  get complete(): boolean {
    return this.#missing === 0
  }

  /** Made for whoever reads the body, and when a plugin asks for it. */
  get incoming(): IncomingMessage {
    if (this.#incoming !== null) return this.#incoming
    const incoming = incomingOf(this)
    this.#incoming = incoming
    if (this.complete) end(incoming)
    else if (this.#isBroken) incoming.destroy()
    return incoming
  }

  /** Takes what came of the body, no more than is missing. False: no more for now; reading goes on when the stream is read. */
  feed(piece: Buffer): boolean {
    const { incoming } = this
    this.#missing -= piece.length
    const mayGoOn = incoming.push(piece)
    if (!this.complete) return mayGoOn
    end(incoming)
    return true
  }

  /** The rest of the body will not come: tells whoever reads it. */
  breakOff(problem: Problem): void {
    this.#isBroken = true
    const incoming = this.#incoming
    if (incoming !== null && incoming.listenerCount('error') > 0) incoming.emit('error', problem)
  }

  /** The connection is gone. */
  gone(): void {
    this.#isBroken = true
    if (!this.complete) this.#incoming?.destroy()
  }
}

function end(incoming: IncomingMessage): void {
  incoming.complete = true
  incoming.push(null)
}

function incomingOf({ method, url, rawHeaders, socket, httpVersion }: PlainRequest): IncomingMessage {
  const incoming = new IncomingMessage(socket)
  incoming.httpVersion = httpVersion
  incoming.httpVersionMajor = 1
  incoming.httpVersionMinor = 1
  incoming.method = method
  incoming.url = url
  incoming.rawHeaders = rawHeaders
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    const before = incoming.headers[name]
    incoming.headers[name] = before === undefined ? rawHeaders[i + 1]! : `${before}, ${rawHeaders[i + 1]}`
  }
  return incoming
}
