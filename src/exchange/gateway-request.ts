/** The request object that Node's parser makes for our listeners: its own, with places for the exchange it became and the connection it came on. */
import { IncomingMessage } from 'node:http'
import type { ReceivedRequest } from './client.ts'
import type { Exchange } from './exchange.ts'

export class GatewayRequest extends IncomingMessage implements ReceivedRequest {
  exchange: Exchange | null = null
  listener: { readonly draining: boolean } | null = null
  /** Knows the exchanges that are open on the client's connection. */
  client: { end(raw: GatewayRequest): void; isLast(raw: GatewayRequest): boolean } | null = null

  get isLast(): boolean {
    return this.client?.isLast(this) === true
  }

  get incoming(): IncomingMessage {
    return this
  }
}
