/** Settles the route of an exchange, or why there is none; the facts then hold the path in the spelling that the route asks for. */
import { stages } from '../exchange/decision.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Admission } from '../listener/admission.ts'
import { Problem } from '../problem.ts'
import type { MatchResult } from '../routing/leaf.ts'
import type { RouteTable } from '../routing/table.ts'
import type { Route } from './route.ts'

export interface RoutingPlan {
  readonly table: RouteTable<Route>
  /** Why the listener refuses the request. */
  readonly problem: Problem | null
}

/** What the table said, where it was asked. */
export type Routed = MatchResult<Route> | null

export function routeExchange(exchange: Exchange, admission: Admission, { table, problem }: RoutingPlan): Routed {
  const { path } = admission
  exchange.refusal = admission.problem ?? problem
  if (exchange.refusal !== null) {
    refuse(exchange, exchange.refusal, {})
    return null
  }
  if (admission.asterisk) return null
  let result = table.match(exchange.facts, path.path)
  if (path.kept !== null) {
    const kept = table.match(exchange.facts, path.kept)
    if (kept.kind === 'route' && kept.route.config.slashes === 'keep') {
      result = kept
      exchange.facts = { ...exchange.facts, path: path.kept }
    }
  }
  if (result.kind === 'route') admitTo(exchange, result, { path, table })
  else refuse(exchange, unmatched(result), result.kind === 'method' ? { allow: result.allow } : {})
  return result
}

type Matched = Extract<MatchResult<Route>, { kind: 'route' }>

function admitTo(
  exchange: Exchange,
  { route, pattern }: Matched,
  { path, table }: { path: Admission['path']; table: RouteTable<Route> },
): void {
  if (path.encodedSlash && route.config.encodedSlash !== 'keep') {
    refuse(exchange, new Problem('bad-request', 'The path has an encoded slash.'), { route: route.name })
    return
  }
  const { facts } = exchange
  const doubtful = path.reinterpretable && route.config.aliasing === 'refuse'
  const alias = doubtful ? table.alias(facts, facts.path, route) : null
  if (alias !== null) {
    const problem = new Problem('bad-request', 'The path is ambiguous: an origin could read it as another one.')
    refuse(exchange, problem, { route: route.name, alias: alias.name })
    return
  }
  exchange.route = route
  exchange.pattern = pattern
  if (!exchange.dry) return
  exchange.running = stages.router
  exchange.decide('pass', 'matched', { route: route.name, pattern: pattern.text })
}

function refuse(exchange: Exchange, problem: Problem, inputs: Readonly<Record<string, unknown>>): void {
  exchange.refusal = problem
  exchange.running = stages.router
  exchange.decide('refuse', problem.code, inputs)
}

function unmatched(result: Exclude<MatchResult<Route>, { kind: 'route' }>): Problem {
  if (result.kind === 'none') return new Problem('route-not-found', 'No route matches this request.')
  const headers = ['allow', result.allow.join(', ')]
  return new Problem('method-not-allowed', 'The route does not allow this method.', { headers })
}
