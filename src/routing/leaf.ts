/** The routes of one pattern, and which of them gets a request: by method, then by conditions. */
import type { MatchConfig, PathPattern, RouteConfig } from '../config/config.ts'
import type { RequestFacts } from '../exchange/exchange.ts'
import { valuesOf } from '../exchange/headers.ts'
import { type Condition, compileConditions } from './conditions.ts'

/** What the table asks about the chain of a route, when a request makes it matter. */
export interface ChainTraits {
  /** It answers CORS preflights, so the route matches them whatever its methods. */
  answersPreflights(route: RouteConfig): boolean
  /** What it demands of a client, for the no-aliasing rule: one entry per authenticator, `ip-filter`, `acl` or refusing answer. */
  demandsOf(route: RouteConfig): ReadonlySet<string>
}

/** One pattern of one route. What its match says besides is compiled when a request first comes this far. */
export class Candidate {
  readonly route: RouteConfig
  /** How many conditions it has. */
  readonly rank: number
  readonly #place: number
  #terms: Terms | null = null

  /** `place`: of the pattern among those of the route. */
  constructor(route: RouteConfig, place: number, rank: number) {
    this.route = route
    this.rank = rank
    this.#place = place
  }

  get pattern(): PathPattern {
    return this.#compiled().pattern
  }

  get methods(): ReadonlySet<string> | null {
    return this.#compiled().methods
  }

  get conditions(): readonly Condition[] {
    return this.#compiled().conditions
  }

  #compiled(): Terms {
    this.#terms ??= termsOf(this.route.match, this.#place)
    return this.#terms
  }
}

interface Terms {
  readonly pattern: PathPattern
  readonly methods: ReadonlySet<string> | null
  readonly conditions: readonly Condition[]
}

function termsOf(match: MatchConfig, place: number): Terms {
  const { paths, methods } = match
  return {
    pattern: paths[place]!,
    methods: methods === null ? null : new Set(methods),
    conditions: compileConditions(match),
  }
}

export interface Leaf {
  /** Of one pattern, but for the names of its parameters. Most conditions first. */
  readonly candidates: readonly Candidate[]
}

export type MatchResult =
  | { readonly kind: 'route'; readonly route: RouteConfig; readonly pattern: PathPattern }
  | { readonly kind: 'none' }
  | { readonly kind: 'method'; readonly allow: readonly string[] }

export const NONE = { kind: 'none' } as const
const everyMethod = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']

/** Who would serve the request here; where nobody would, everybody: the pattern is closed to it, and so must its other spellings be. */
export function candidatesFor(leaf: Leaf, facts: RequestFacts, traits: ChainTraits): readonly Candidate[] {
  const serving = leaf.candidates.filter((one) => allows(one, facts, traits) && holds(one, facts))
  return serving.length > 0 ? serving : leaf.candidates
}

export function decideLeaf(leaf: Leaf, facts: RequestFacts, traits: ChainTraits): MatchResult {
  let allowed = false
  for (const candidate of leaf.candidates) {
    if (!allows(candidate, facts, traits)) continue
    allowed = true
    if (holds(candidate, facts)) return { kind: 'route', route: candidate.route, pattern: candidate.pattern }
  }
  return allowed ? NONE : { kind: 'method', allow: allowedMethods(leaf) }
}

export function allows(candidate: Candidate, facts: RequestFacts, traits: ChainTraits): boolean {
  const { methods } = candidate
  const { method } = facts
  if (method === 'TRACE' || method === 'CONNECT') return false
  if (methods === null || methods.has(method) || (method === 'HEAD' && methods.has('GET'))) return true
  return method === 'OPTIONS' && isPreflight(facts) && traits.answersPreflights(candidate.route)
}

export function holds(candidate: Candidate, facts: RequestFacts): boolean {
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

function allowedMethods(leaf: Leaf): readonly string[] {
  if (leaf.candidates.some(({ methods }) => methods === null)) return everyMethod
  const named = leaf.candidates.flatMap(({ methods }) => [...methods!])
  return [...new Set(named.includes('GET') ? [...named, 'HEAD'] : named)].sort()
}

export function fallsThrough(candidate: Candidate): boolean {
  return candidate.route.fallthrough
}
