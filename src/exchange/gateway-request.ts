/** The request object that our listeners make: Node's own, with places for the exchange it became and the connection it came on. */
import { IncomingMessage } from 'node:http'
import type { Exchange } from './exchange.ts'

export class GatewayRequest extends IncomingMessage {
  exchange: Exchange | null = null
  /** Set by the listener that took it: answers say `Connection: close` while it drains. */
  listener: { readonly draining: boolean } | null = null
  /** Knows the exchanges that are open on the client's connection. */
  client: { begin(raw: GatewayRequest): void; end(raw: GatewayRequest): void } | null = null
}
