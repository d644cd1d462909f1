/** The routes of one pattern, and which of them gets a request: by method, then by conditions. */
import type { PathPattern, RouteConfig } from '../config/config.ts'
import type { RequestFacts } from '../exchange/exchange.ts'
import { valuesOf } from '../exchange/headers.ts'
import { type Condition, compileConditions } from './conditions.ts'

/** What the table needs to know of a route. */
export interface Routable {
  readonly config: RouteConfig
  /** Its chain answers CORS preflights, so it matches them whatever its methods. */
  readonly preflight: boolean
  /** What its chain demands of a client, for the no-aliasing rule: one entry per authenticator, `ip-filter`, `acl` or refusing answer. */
  readonly demands: ReadonlySet<string>
}

export interface Candidate<R extends Routable> {
  readonly route: R
  readonly pattern: PathPattern
  readonly methods: ReadonlySet<string> | null
  readonly conditions: readonly Condition[]
}

/** Makes the candidates of a table: what many routes say alike is one object. */
export class Candidates<R extends Routable> {
  readonly #methods = new Map<string, ReadonlySet<string>>()

  of(route: R, pattern: PathPattern): Candidate<R> {
    const { match } = route.config
    return { route, pattern, methods: this.#methodsOf(match.methods), conditions: compileConditions(match) }
  }

  #methodsOf(methods: readonly string[] | null): ReadonlySet<string> | null {
    if (methods === null) return null
    const key = methods.join()
    const known = this.#methods.get(key) ?? new Set(methods)
    this.#methods.set(key, known)
    return known
  }
}

export interface Leaf<R extends Routable> {
  /** Of one pattern, but for the names of its parameters. Most conditions first. */
  readonly candidates: readonly Candidate<R>[]
}

export type MatchResult<R extends Routable> =
  | { readonly kind: 'route'; readonly route: R; readonly pattern: PathPattern }
  | { readonly kind: 'none' }
  | { readonly kind: 'method'; readonly allow: readonly string[] }

export const NONE = { kind: 'none' } as const
const everyMethod = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']

/** Who would serve the request here; where nobody would, everybody: the pattern is closed to it, and so must its other spellings be. */
export function candidatesFor<R extends Routable>(leaf: Leaf<R>, facts: RequestFacts): readonly Candidate<R>[] {
  const serving = leaf.candidates.filter((one) => allows(one, facts) && holds(one, facts))
  return serving.length > 0 ? serving : leaf.candidates
}

export function decideLeaf<R extends Routable>(leaf: Leaf<R>, facts: RequestFacts): MatchResult<R> {
  let allowed = false
  for (const candidate of leaf.candidates) {
    if (!allows(candidate, facts)) continue
    allowed = true
    if (holds(candidate, facts)) return { kind: 'route', route: candidate.route, pattern: candidate.pattern }
  }
  return allowed ? NONE : { kind: 'method', allow: allowedMethods(leaf) }
}

export function allows<R extends Routable>(candidate: Candidate<R>, facts: RequestFacts): boolean {
  const { methods } = candidate
  const { method } = facts
  if (method === 'TRACE' || method === 'CONNECT') return false
  if (methods === null || methods.has(method) || (method === 'HEAD' && methods.has('GET'))) return true
  return method === 'OPTIONS' && candidate.route.preflight && isPreflight(facts)
}

export function holds<R extends Routable>(candidate: Candidate<R>, facts: RequestFacts): boolean {
  for (const condition of candidate.conditions) if (!condition.holds(facts)) return false
  return true
}

/** A CORS preflight (Fetch standard §3.2.2). */
export function isPreflight(facts: RequestFacts): boolean {
  const { rawHeaders } = facts
  return (
    valuesOf(rawHeaders, 'origin').length === 1 && valuesOf(rawHeaders, 'access-control-request-method').length === 1
  )
}

function allowedMethods<R extends Routable>(leaf: Leaf<R>): readonly string[] {
  if (leaf.candidates.some(({ methods }) => methods === null)) return everyMethod
  const named = leaf.candidates.flatMap(({ methods }) => [...methods!])
  return [...new Set(named.includes('GET') ? [...named, 'HEAD'] : named)].sort()
}

export function fallsThrough<R extends Routable>(candidate: Candidate<R>): boolean {
  return candidate.route.config.fallthrough
}
