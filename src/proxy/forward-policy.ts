/** How the exchanges of one route are forwarded: what the chain wants of the answer, and what stands in for the upstream. */
import type { Exchange } from '../exchange/exchange.ts'
import type { UpstreamFailure } from '../exchange/stand-in.ts'
import type { Fallback } from '../upstream/upstream.ts'
import type { DeliveryPolicy } from './deliver.ts'

export interface ForwardPolicy extends DeliveryPolicy {
  /** Runs the response hooks. Undefined when they are done already; rejects or throws with what went wrong. */
  respond(exchange: Exchange): Promise<void> | undefined
  /** Asks the plugin that offered to answer when the upstream fails. True: what it has is on its way. */
  standsIn(exchange: Exchange, failure: UpstreamFailure): boolean
  /** The chain may change bodies, or leaves through Fastify: it wants a stream. */
  readonly wantsStream: boolean
  /** Sends what `respond` made of a streamed answer. */
  deliver(exchange: Exchange): void
  /** The route's own; where it is null, the upstream's stands in. */
  readonly fallback: Fallback | null
}
