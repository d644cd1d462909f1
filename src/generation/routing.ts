/** Settles the route of an exchange, or why there is none; the facts then hold the path in the spelling that the route asks for. */
import type { RouteConfig } from '../config/config.ts'
import { stages } from '../exchange/decision.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Admission } from '../listener/admission.ts'
import { Problem } from '../problem.ts'
import type { MatchResult } from '../routing/leaf.ts'
import type { RouteTable } from '../routing/table.ts'
import type { Route } from './route.ts'
import type { Routes } from './routes.ts'

export interface RoutingPlan {
  readonly table: RouteTable
  readonly routes: Routes
  /** Why the listener refuses the request. */
  readonly problem: Problem | null
}

/** What the table said, where it was asked. */
export type Routed = MatchResult | null

export function routeExchange(
  exchange: Exchange,
  admission: Admission,
  { table, routes, problem }: RoutingPlan,
): Routed {
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
    if (kept.kind === 'route' && kept.route.slashes === 'keep') {
      result = kept
      exchange.facts = { ...exchange.facts, path: path.kept }
    }
  }
  if (result.kind === 'route') admitTo(exchange, result, { path, table, routes })
  else refuse(exchange, unmatched(result), result.kind === 'method' ? { allow: result.allow } : {})
  return result
}

type Matched = Extract<MatchResult, { kind: 'route' }>

function admitTo(
  exchange: Exchange,
  { route, pattern }: Matched,
  { path, table, routes }: Pick<RoutingPlan, 'table' | 'routes'> & Pick<Admission, 'path'>,
): void {
  if (path.encodedSlash && route.encodedSlash !== 'keep') {
    refuse(exchange, new Problem('bad-request', 'The path has an encoded slash.'), { route: route.name })
    return
  }
  const { facts } = exchange
  const doubtful = path.reinterpretable && route.aliasing === 'refuse'
  const alias = doubtful ? table.alias(facts, facts.path, route) : null
  if (alias !== null) {
    const problem = new Problem('bad-request', 'The path is ambiguous: an origin could read it as another one.')
    refuse(exchange, problem, { route: route.name, alias: alias.name })
    return
  }
  const compiled = compiledBy(routes, route)
  if (compiled instanceof Problem) {
    refuse(exchange, compiled, { route: route.name })
    return
  }
  exchange.route = compiled
  exchange.pattern = pattern
  if (!exchange.dry) return
  exchange.running = stages.router
  exchange.decide('pass', 'matched', { route: route.name, pattern: pattern.text })
}

/** Items that waited were tried when the file was read: that one fails now has a reason outside of it. */
function compiledBy(routes: Routes, route: RouteConfig): Route | Problem {
  try {
    return routes.of(route)
  } catch (cause) {
    return new Problem('plugin-failed', 'A plugin of this route could not be set up.', { cause })
  }
}

function refuse(exchange: Exchange, problem: Problem, inputs: Readonly<Record<string, unknown>>): void {
  exchange.refusal = problem
  exchange.running = stages.router
  exchange.decide('refuse', problem.code, inputs)
}

function unmatched(result: Exclude<MatchResult, { kind: 'route' }>): Problem {
  if (result.kind === 'none') return new Problem('route-not-found', 'No route matches this request.')
  const headers = ['allow', result.allow.join(', ')]
  return new Problem('method-not-allowed', 'The route does not allow this method.', { headers })
}
