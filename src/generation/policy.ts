/** How exchanges are forwarded and answered, said once for all chains that do alike: the exchange knows its generation, and that its chain. */
import type { FastifyReply } from 'fastify'
import type { Exchange, ExchangeOwner } from '../exchange/exchange.ts'
import type { ForwardPolicy } from '../proxy/forward-policy.ts'
import { toPluginProblem } from '../proxy/problem-of.ts'
import type { Fallback } from '../upstream/upstream.ts'
import { answerInstead, deliverExchange } from './answer.ts'
import type { Chain } from './chain.ts'
import type { EdgeEvents } from './edge.ts'

/** The generation that an exchange began on. */
export interface GenerationOwner extends ExchangeOwner, EdgeEvents {
  chainOf(exchange: Exchange): Chain
}

export function ownerOf({ owner }: Exchange): GenerationOwner {
  return owner as GenerationOwner
}

export interface PolicyParts {
  /** Our name in `via`. */
  readonly name: string
  readonly bodyIdleMs: number
  /** The chain changes bodies. */
  readonly changesBodies: boolean
  readonly fallback: Fallback | null
  /** Through Fastify, where foreign plugins may change answers. */
  readonly replies: WeakMap<Exchange, FastifyReply> | null
}

export function forwardPolicy({ changesBodies, replies, ...parts }: PolicyParts): ForwardPolicy {
  const policy: ForwardPolicy = {
    ...parts,
    wantsStream: changesBodies || replies !== null,
    respond: (exchange) => ownerOf(exchange).chainOf(exchange).respond(exchange),
    standsIn: (exchange, failure) => answerInstead(exchange, failure, policy),
    deliver: (exchange) => {
      try {
        deliverExchange(exchange, policy, replies?.get(exchange))
      } catch (error) {
        // A status, a field or a body that a plugin made, and HTTP does not know.
        ownerOf(exchange).fail(exchange, toPluginProblem(error))
      }
    },
    fail: (exchange, problem) => ownerOf(exchange).fail(exchange, problem),
  }
  return policy
}
