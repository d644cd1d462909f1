/** The route table: listener, host, path, method, conditions, each stage closed by the one before it (CONTRACT, "Matching"). */
import type { PathPattern } from '../config/config.ts'
import type { RequestFacts } from '../exchange/exchange.ts'
import { inPieces } from '../pace.ts'
import { type ConsideredRoute, consideredRoutes, hostsCovering } from './candidates.ts'
import { type Spot, TableEdit } from './edit.ts'
import { emptyHostTable, type HostTable, hostLevels, leafOf, type Trie } from './hosts.ts'
import {
  Candidates,
  candidatesFor,
  decideLeaf,
  fallsThrough,
  type Leaf,
  type MatchResult,
  NONE,
  type Routable,
} from './leaf.ts'
import { foldLiteral, isFolded, readings } from './reading.ts'
import { findLeaf, findLeaves } from './trie.ts'

/** What a table is made of. */
interface Tables<R extends Routable> {
  readonly plain: ReadonlyMap<string, HostTable<R>>
  /** The same routes with literals folded, for the readings of the no-aliasing rule; the same tables where all literals are. */
  readonly folded: ReadonlyMap<string, HostTable<R>>
}

/** From one table to the next. */
export interface Difference<R extends Routable> {
  readonly removed: readonly R[]
  readonly added: readonly R[]
}

export class RouteTable<R extends Routable> {
  readonly #tables: ReadonlyMap<string, HostTable<R>>
  readonly #folded: ReadonlyMap<string, HostTable<R>>

  private constructor({ plain, folded }: Tables<R>) {
    this.#tables = plain
    this.#folded = folded
  }

  /** Builds the table in slices. `listeners` are all listener names of the config. */
  static async build<R extends Routable>(routes: readonly R[], listeners: readonly string[]): Promise<RouteTable<R>> {
    const empty = new Map(listeners.map((name) => [name, emptyHostTable<R>()]))
    return new RouteTable({ plain: empty, folded: empty }).next({ removed: [], added: routes })
  }

  /** The table of other routes on the same listeners. This one stays as it is, and they share what does not differ. */
  async next(difference: Difference<R>): Promise<RouteTable<R>> {
    const plain = await edited(this.#tables, difference, (literal) => literal)
    const wereFolded = this.#tables === this.#folded
    if (wereFolded && difference.added.every(isFoldedRoute)) return new RouteTable({ plain, folded: plain })
    // Of tables that are folded as they are, folded ones can go on.
    const folded = await edited(this.#folded, difference, foldLiteral)
    return new RouteTable({ plain, folded })
  }

  /** Names of the listeners that it knows. */
  get listeners(): readonly string[] {
    return [...this.#tables.keys()]
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

  /** Every route that covers the path, and why those lost that did. */
  considered(facts: RequestFacts, path: string, result: MatchResult<R>): readonly ConsideredRoute[] {
    return consideredRoutes(this.#tables, { facts, path }, result)
  }

  /** The hosts, as in matches, under which a listener serves the path; null: any host. */
  hostsCovering(listener: string, path: string): readonly (string | null)[] {
    return hostsCovering(this.#tables.get(listener), path)
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

function demandsMore<R extends Routable>(other: R, matched: R | null): boolean {
  for (const demand of other.demands) if (!matched?.demands.has(demand)) return true
  return false
}

function isFoldedRoute({ config }: Routable): boolean {
  return config.match.paths.every(({ segments }) =>
    segments.every((one) => !('literal' in one) || isFolded(one.literal)),
  )
}

async function edited<R extends Routable>(
  from: ReadonlyMap<string, HostTable<R>>,
  difference: Difference<R>,
  fold: (literal: string) => string,
): Promise<ReadonlyMap<string, HostTable<R>>> {
  const edit = new TableEdit<R>(from, fold)
  const listeners = [...from.keys()]
  const candidates = new Candidates<R>()
  await inPieces(difference.removed, (route) => {
    for (const pattern of route.config.match.paths) {
      for (const spot of spotsOf(route, pattern, listeners)) edit.remove(spot, route)
    }
  })
  await inPieces(difference.added, (route) => {
    for (const pattern of route.config.match.paths) {
      const candidate = candidates.of(route, pattern)
      for (const spot of spotsOf(route, pattern, listeners)) edit.add(spot, candidate)
    }
  })
  return edit.tables
}

function* spotsOf({ config }: Routable, { text }: PathPattern, listeners: readonly string[]): Generator<Spot> {
  const { on, hosts } = config.match
  for (const listener of on ?? listeners) {
    for (const host of hosts ?? [null]) yield { listener, host, pattern: text }
  }
}
