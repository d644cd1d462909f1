/** Why a request got its route and not another: every route that covers the path, and at which stage it lost. For explaining only. */
import type { RouteConfig } from '../config/config.ts'
import type { RequestFacts } from '../exchange/exchange.ts'
import { type HostTable, hostLevels, type Trie } from './hosts.ts'
import { allows, type Candidate, type ChainTraits, fallsThrough, type Leaf, type MatchResult } from './leaf.ts'
import { findLeaves } from './trie.ts'

export interface ConsideredRoute {
  readonly route: string
  readonly pattern: string
  /** As in the match; null: any host. */
  readonly host: string | null
  /** Null: it got the request. */
  readonly lost: Loss | null
}

export interface Loss {
  readonly stage: 'listener' | 'host' | 'path' | 'method' | 'conditions'
  /** For people. */
  readonly why: string
}

/** More of other hosts are not listed: nobody reads on. */
const MOST_ELSEWHERE = 20

interface Level {
  readonly host: string | null
  readonly trie: Trie
}

/** `result` is what the table decided; the reasons are given relative to it. */
export function consideredRoutes(
  tables: ReadonlyMap<string, HostTable>,
  { facts, path, traits }: { facts: RequestFacts; path: string; traits: ChainTraits },
  result: MatchResult,
): ConsideredRoute[] {
  const own = tables.get(facts.listener.name)
  if (own === undefined) return []
  const ahead = [...hostLevels(own, facts.host)]
  const all = levelsOf(own)
  const levels = ahead.map((trie) => all.find((level) => level.trie === trie)!)
  const listed = new Contest(facts, traits, result).list(levels, path)
  const elsewhere = [
    ...coveringAt(
      all.filter(({ trie }) => !ahead.includes(trie)),
      path,
      ({ host }) => ({ stage: 'host', why: `is for host ${host}, the request names ${facts.host ?? 'none'}` }),
    ),
    ...onOtherListeners(tables, facts, path),
  ]
  return [...listed, ...elsewhere.slice(0, MOST_ELSEWHERE)]
}

/** The routes of the hosts that the request's host may mean, most exact first. */
class Contest {
  readonly #facts: RequestFacts
  readonly #traits: ChainTraits
  readonly #result: MatchResult
  /** Whoever keeps the rest from being asked. */
  #closed: { readonly level: Level; readonly leaf: Leaf } | null = null

  constructor(facts: RequestFacts, traits: ChainTraits, result: MatchResult) {
    this.#facts = facts
    this.#traits = traits
    this.#result = result
  }

  list(levels: readonly Level[], path: string): ConsideredRoute[] {
    const listed: ConsideredRoute[] = []
    for (const level of levels) {
      for (const leaf of findLeaves(level.trie, path)) {
        const closed = this.#closed
        const won = closed === null && leaf.candidates.some((one) => this.#isWinner(one))
        for (const one of leaf.candidates) {
          const lost = closed === null ? this.#lossIn(one, won) : lossAfter(closed, level)
          listed.push(considered(one, level.host, lost))
        }
        if (won || !leaf.candidates.some(fallsThrough)) this.#closed ??= { level, leaf }
      }
    }
    return listed
  }

  #isWinner({ route, pattern }: Candidate): boolean {
    return this.#result.kind === 'route' && this.#result.route === route && this.#result.pattern === pattern
  }

  #lossIn(one: Candidate, won: boolean): Loss | null {
    if (won && this.#isWinner(one)) return null
    if (!allows(one, this.#facts, this.#traits))
      return { stage: 'method', why: `takes ${methodsOf(one)}, not ${this.#facts.method}` }
    const unmet = one.conditions.find((condition) => !condition.holds(this.#facts))
    if (unmet !== undefined) return { stage: 'conditions', why: `its condition on ${unmet.text} does not hold` }
    return { stage: 'conditions', why: 'has fewer conditions than the route that matched' }
  }
}

function methodsOf({ methods }: Candidate): string {
  return methods === null ? 'all methods but CONNECT and TRACE' : [...methods].join(', ')
}

function lossAfter(closed: { level: Level; leaf: Leaf }, level: Level): Loss {
  const pattern = closed.leaf.candidates[0]!.pattern.text
  if (closed.level === level) return { stage: 'path', why: `${pattern} is more specific` }
  return { stage: 'host', why: `host ${closed.level.host} is more exact, and has ${pattern}` }
}

function considered(one: Candidate, host: string | null, lost: Loss | null): ConsideredRoute {
  return { route: one.route.name, pattern: one.pattern.text, host, lost }
}

function levelsOf({ exact, suffix, any }: HostTable): Level[] {
  return [
    ...[...exact].map(([host, trie]) => ({ host, trie })),
    ...[...suffix].map(([host, trie]) => ({ host: `*${host}`, trie })),
    ...(any === null ? [] : [{ host: null, trie: any }]),
  ]
}

function* coveringAt(
  levels: readonly Level[],
  path: string,
  lossOf: (level: Level) => Loss,
): Generator<ConsideredRoute> {
  for (const level of levels) {
    for (const leaf of findLeaves(level.trie, path)) {
      for (const one of leaf.candidates) yield considered(one, level.host, lossOf(level))
    }
  }
}

function* onOtherListeners(
  tables: ReadonlyMap<string, HostTable>,
  facts: RequestFacts,
  path: string,
): Generator<ConsideredRoute> {
  const seen = new Set<RouteConfig>()
  for (const [name, table] of tables) {
    if (name === facts.listener.name) continue
    for (const trie of hostLevels(table, facts.host)) {
      const { host } = levelsOf(table).find((level) => level.trie === trie)!
      for (const leaf of findLeaves(trie, path)) {
        for (const one of leaf.candidates) {
          const { on } = one.route.match
          if (on === null || on.includes(facts.listener.name) || seen.has(one.route)) continue
          seen.add(one.route)
          yield considered(one, host, {
            stage: 'listener',
            why: `is only on ${on.join(', ')}, not ${facts.listener.name}`,
          })
        }
      }
    }
  }
}

/** The hosts, as written in matches, for which the listener has a route that covers the path; null stands for any host. */
export function hostsCovering(table: HostTable | undefined, path: string): (string | null)[] {
  if (table === undefined) return []
  return levelsOf(table)
    .filter(({ trie }) => findLeaves(trie, path).length > 0)
    .map(({ host }) => host)
}
