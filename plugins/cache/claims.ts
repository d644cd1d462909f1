/** Whose credentials a request carries: those that a plugin of the route took as its own, and those that it did not. */
import type { Exchange } from '#gateway'
import type { RequestView } from './request.ts'

export interface Unclaimed {
  readonly authorization: boolean
  readonly cookie: boolean
}

const nothing: Unclaimed = Object.freeze({ authorization: false, cookie: false })

/** What goes on to the upstream without any plugin having checked it: the answer may be somebody's own. */
export function unclaimed(exchange: Exchange, request: RequestView): Unclaimed {
  if (!request.authorization && !request.cookie) return nothing
  const { headers } = exchange.upstreamRequest
  const source = exchange.consumer?.source
  const checked = source === 'jwt' || source === 'basic'
  return {
    authorization: request.authorization && !checked && headers.has('authorization'),
    cookie: request.cookie && headers.has('cookie'),
  }
}
