/** The route table: listener, host, path, method, conditions, each stage closed by the one before it (CONTRACT, "Matching"). */
import type { PathPattern, RouteConfig } from '../config/config.ts'
import type { RequestFacts } from '../exchange/exchange.ts'
import { valuesOf } from '../exchange/headers.ts'
import { type Condition, compileConditions } from './conditions.ts'
import { foldLiteral, readings } from './reading.ts'
import { createNode, findLeaf, findLeaves, nodeOf, type TrieNode } from './trie.ts'

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

export interface Leaf<R extends Routable> {
  readonly pattern: string
  /** Most conditions first. */
  readonly candidates: Candidate<R>[]
}

export type MatchResult<R extends Routable> =
  | { readonly kind: 'route'; readonly route: R; readonly pattern: PathPattern }
  | { readonly kind: 'none' }
  | { readonly kind: 'method'; readonly allow: readonly string[] }

type Trie<R extends Routable> = TrieNode<Leaf<R>>

interface HostTable<R extends Routable> {
  readonly exact: Map<string, Trie<R>>
  /** Keyed by `.example.com`. */
  readonly suffix: Map<string, Trie<R>>
  any: Trie<R> | null
}

const NONE = { kind: 'none' } as const
/** Building yields to the event loop this often, so that a reload of many routes stalls no request. */
const SLICE = 100
const everyMethod = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']

export class RouteTable<R extends Routable> {
  readonly #tables = new Map<string, HostTable<R>>()
  /** The same routes with literals folded, for the readings of the no-aliasing rule. */
  readonly #folded = new Map<string, HostTable<R>>()

  /** Builds the table in slices. `listeners` are all listener names of the config. */
  static async build<R extends Routable>(routes: readonly R[], listeners: readonly string[]): Promise<RouteTable<R>> {
    const table = new RouteTable<R>()
    for (const name of listeners) {
      table.#tables.set(name, emptyHostTable())
      table.#folded.set(name, emptyHostTable())
    }
    for (const [index, route] of routes.entries()) {
      if (index % SLICE === SLICE - 1) await new Promise(setImmediate)
      table.#add(route, listeners)
    }
    return table
  }

  #add(route: R, listeners: readonly string[]): void {
    const { match } = route.config
    const conditions = compileConditions(match)
    const methods = match.methods === null ? null : new Set(match.methods)
    for (const pattern of match.paths) {
      const candidate = { route, pattern, methods, conditions }
      for (const listener of match.on ?? listeners) {
        for (const host of match.hosts ?? [null]) {
          insert(trieOf(this.#tables.get(listener)!, host), candidate, (literal) => literal)
          insert(trieOf(this.#folded.get(listener)!, host), candidate, foldLiteral)
        }
      }
    }
  }

  /** The route of a request, under the given path. */
  match(facts: RequestFacts, path: string): MatchResult<R> {
    const table = this.#tables.get(facts.listener.name)
    if (table === undefined) return NONE
    if (table.exact.size > 0 || table.suffix.size > 0) {
      for (const trie of hostLevels(table, facts.host)) {
        const leaf = findLeaf(trie, path)
        if (leaf !== null) return this.#decide(leaf, trie, facts, path)
      }
      return NONE
    }
    const leaf = table.any === null ? null : findLeaf(table.any, path)
    return leaf === null ? NONE : this.#decide(leaf, table.any!, facts, path)
  }

  #decide(leaf: Leaf<R>, trie: Trie<R>, facts: RequestFacts, path: string): MatchResult<R> {
    const result = decideLeaf(leaf, facts)
    if (result.kind === 'route' || !leaf.candidates.some(fallsThrough)) return result
    return this.#fallThrough(trie, facts, path) ?? result
  }

  /** `fallthrough: true`: the only way to a less specific pattern. */
  #fallThrough(first: Trie<R>, facts: RequestFacts, path: string): MatchResult<R> | null {
    const table = this.#tables.get(facts.listener.name)!
    const levels = [...hostLevels(table, facts.host)]
    for (const trie of levels.slice(levels.indexOf(first))) {
      for (const leaf of findLeaves(trie, path)) {
        const result = decideLeaf(leaf, facts)
        if (result.kind === 'route' || !leaf.candidates.some(fallsThrough)) return result
      }
    }
    return null
  }

  /**
   * The route that an origin's own reading of the path would land on, where its chain demands something that the matched
   * one's does not. Null: the path means the same to everybody, or nothing is lost by it.
   */
  alias(facts: RequestFacts, path: string, matched: R | null): R | null {
    const table = this.#folded.get(facts.listener.name)
    if (table === undefined) return null
    for (const reading of readings(path)) {
      const leaf = leafOf(table, facts.host, reading)
      for (const { route } of leaf === null ? [] : candidatesFor(leaf, facts)) {
        if (route !== matched && demandsMore(route, matched)) return route
      }
    }
    return null
  }
}

/** Who would serve the request here; where nobody would, everybody: the pattern is closed to it, and so must its other spellings be. */
function candidatesFor<R extends Routable>(leaf: Leaf<R>, facts: RequestFacts): readonly Candidate<R>[] {
  const serving = leaf.candidates.filter((one) => allows(one, facts) && holds(one, facts))
  return serving.length > 0 ? serving : leaf.candidates
}

function decideLeaf<R extends Routable>(leaf: Leaf<R>, facts: RequestFacts): MatchResult<R> {
  let allowed = false
  for (const candidate of leaf.candidates) {
    if (!allows(candidate, facts)) continue
    allowed = true
    if (holds(candidate, facts)) return { kind: 'route', route: candidate.route, pattern: candidate.pattern }
  }
  return allowed ? NONE : { kind: 'method', allow: allowedMethods(leaf) }
}

function allows<R extends Routable>(candidate: Candidate<R>, facts: RequestFacts): boolean {
  const { methods } = candidate
  const { method } = facts
  if (method === 'TRACE' || method === 'CONNECT') return false
  if (methods === null || methods.has(method) || (method === 'HEAD' && methods.has('GET'))) return true
  return method === 'OPTIONS' && candidate.route.preflight && isPreflight(facts)
}

function holds<R extends Routable>(candidate: Candidate<R>, facts: RequestFacts): boolean {
  return candidate.conditions.every((condition) => condition.holds(facts))
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

function fallsThrough<R extends Routable>(candidate: Candidate<R>): boolean {
  return candidate.route.config.fallthrough
}

function demandsMore<R extends Routable>(other: R, matched: R | null): boolean {
  for (const demand of other.demands) if (!matched?.demands.has(demand)) return true
  return false
}

function emptyHostTable<R extends Routable>(): HostTable<R> {
  return { exact: new Map(), suffix: new Map(), any: null }
}

function trieOf<R extends Routable>(table: HostTable<R>, host: string | null): Trie<R> {
  if (host === null) {
    table.any ??= createNode()
    return table.any
  }
  const wild = host.startsWith('*.')
  const tries = wild ? table.suffix : table.exact
  const key = wild ? host.slice(1) : host
  let trie = tries.get(key)
  if (trie === undefined) {
    trie = createNode()
    tries.set(key, trie)
  }
  return trie
}

function insert<R extends Routable>(trie: Trie<R>, candidate: Candidate<R>, fold: (literal: string) => string): void {
  const { node, wildcard } = nodeOf(trie, candidate.pattern.text, fold)
  const place = wildcard ? 'wildcard' : 'leaf'
  node[place] ??= { pattern: candidate.pattern.text, candidates: [] }
  const leaf = node[place]
  leaf.candidates.push(candidate)
  leaf.candidates.sort((one, other) => other.conditions.length - one.conditions.length)
}

/** Exact host, then `*.suffix` from the longest, then any host. */
function* hostLevels<R extends Routable>(table: HostTable<R>, host: string | null): Generator<Trie<R>> {
  if (host !== null) {
    const exact = table.exact.get(host)
    if (exact !== undefined) yield exact
    if (table.suffix.size > 0 && !host.startsWith('[')) {
      for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
        const suffix = dot === 0 ? undefined : table.suffix.get(host.slice(dot))
        if (suffix !== undefined) yield suffix
      }
    }
  }
  if (table.any !== null) yield table.any
}

function leafOf<R extends Routable>(table: HostTable<R>, host: string | null, path: string): Leaf<R> | null {
  for (const trie of hostLevels(table, host)) {
    const leaf = findLeaf(trie, path)
    if (leaf !== null) return leaf
  }
  return null
}
