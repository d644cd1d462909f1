/** What follows when a chain let its request through: the route's own answer, or the upstream that is asked, and with what. */
import type { Exchange } from '../exchange/exchange.ts'
import type { UpstreamRequest } from '../exchange/upstream-request.ts'
import { Problem } from '../problem.ts'
import { addIdentity, hasPassedUs, type RequestHeadPolicy, requestHead } from '../proxy/request-head.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Route } from './route.ts'

/** The upstream to ask; null: the answer stands in the reply. Throws the Problem of a request that goes nowhere. */
export function conclude(exchange: Exchange, ownName: string): Upstream | null {
  const route = exchange.route as Route | null
  const { reply } = exchange
  if (exchange.refusal !== null) throw exchange.refusal
  // `OPTIONS *` is the one request without a route that is not refused.
  if (route === null) {
    reply.code(204).send()
    return null
  }
  const { action } = route.config
  if (action.kind === 'respond') {
    reply.headers.raw.push(...action.headers)
    reply.code(action.status).send(action.body)
    return null
  }
  if (action.kind === 'redirect') {
    reply.code(action.status).header('location', action.location).send()
    return null
  }
  if (hasPassedUs(exchange, ownName)) {
    throw new Problem('loop-detected', 'The request has passed this gateway before.')
  }
  addIdentity(exchange)
  return route.split === null ? route.forwardTo! : route.split.choose(exchange)
}

/** The upstream request before any plugin edits it. Throws the Problem of a path that cannot be rewritten. */
export function prepareRequest(exchange: Exchange, policy: RequestHeadPolicy): UpstreamRequest {
  const route = exchange.route as Route | null
  const { facts } = exchange
  const { path, query } = route?.rewrite?.(exchange) ?? facts
  const host = route?.config.action.kind === 'forward' ? route.config.action.host : 'keep'
  const authority = host === 'keep' ? facts.authority : host === 'target' ? null : host.name
  return requestHead(exchange, policy, { path, query, host: authority })
}
