/** A request that the plain path has read: whole, and without a body. */
import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { ReceivedRequest } from '../exchange/client.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { PlainHead } from './plain-head.ts'

export class PlainRequest implements ReceivedRequest {
  readonly method: string
  url: string
  readonly rawHeaders: string[]
  readonly socket: Socket
  exchange: Exchange | null = null
  listener: { readonly draining: boolean } | null
  #incoming: IncomingMessage | null = null

  constructor(head: PlainHead, socket: Socket, listener: { readonly draining: boolean }) {
    this.method = head.method
    this.url = head.url
    this.rawHeaders = head.fields
    this.socket = socket
    this.listener = listener
  }

  get httpVersion(): string {
    return '1.1'
  }

  get httpVersionMinor(): number {
    return 1
  }

  get complete(): boolean {
    return true
  }

  /** Made when a plugin asks for it: hardly any does. */
  get incoming(): IncomingMessage {
    this.#incoming ??= incomingOf(this)
    return this.#incoming
  }
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
  incoming.complete = true
  incoming.push(null)
  return incoming
}
