/** The route table: listener, host, path, method, conditions, each stage closed by the one before it (CONTRACT, "Matching"). */
import { type RouteBrief, routeBrief } from '../config/brief.ts'
import type { RouteConfig } from '../config/config.ts'
import type { RequestFacts } from '../exchange/exchange.ts'
import { inPieces } from '../pace.ts'
import { type ConsideredRoute, consideredRoutes, hostsCovering } from './candidates.ts'
import { type Spot, TableEdit } from './edit.ts'
import { emptyHostTable, type HostTable, hostLevels, leafOf, type Trie } from './hosts.ts'
import {
  Candidate,
  type ChainTraits,
  candidatesFor,
  decideLeaf,
  fallsThrough,
  type Leaf,
  type MatchResult,
  NONE,
} from './leaf.ts'
import { foldLiteral, readings } from './reading.ts'
import { findLeaf, findLeaves } from './trie.ts'

/** What a table is made of. */
interface Tables {
  readonly plain: ReadonlyMap<string, HostTable>
  /** The same routes with literals folded, for the readings of the no-aliasing rule; the same tables where all literals are. */
  readonly folded: ReadonlyMap<string, HostTable>
}

/** From one table to the next. */
export interface Difference {
  readonly removed: readonly RouteConfig[]
  readonly added: readonly RouteConfig[]
}

export class RouteTable {
  readonly #tables: ReadonlyMap<string, HostTable>
  readonly #folded: ReadonlyMap<string, HostTable>
  readonly #traits: ChainTraits

  private constructor({ plain, folded }: Tables, traits: ChainTraits) {
    this.#tables = plain
    this.#folded = folded
    this.#traits = traits
  }

  /** Builds the table in slices. `listeners` are all listener names of the config. */
  static async build(
    routes: readonly RouteConfig[],
    listeners: readonly string[],
    traits: ChainTraits,
  ): Promise<RouteTable> {
    const empty = new Map(listeners.map((name) => [name, emptyHostTable()]))
    return new RouteTable({ plain: empty, folded: empty }, traits).next({ removed: [], added: routes }, traits)
  }

  /** The table of other routes on the same listeners. This one stays as it is, and they share what does not differ. */
  async next(difference: Difference, traits: ChainTraits): Promise<RouteTable> {
    const { tables: plain, isFolded } = await edited(this.#tables, difference, (literal) => literal)
    const wereFolded = this.#tables === this.#folded
    if (wereFolded && isFolded) return new RouteTable({ plain, folded: plain }, traits)
    // Of tables that are folded as they are, folded ones can go on.
    const { tables: folded } = await edited(this.#folded, difference, foldLiteral)
    return new RouteTable({ plain, folded }, traits)
  }

  /** Names of the listeners that it knows. */
  get listeners(): readonly string[] {
    return [...this.#tables.keys()]
  }

  /** The route of a request, under the given path. */
  match(facts: RequestFacts, path: string): MatchResult {
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

  #decide(leaf: Leaf, trie: Trie, facts: RequestFacts, path: string): MatchResult {
    const result = decideLeaf(leaf, facts, this.#traits)
    if (result.kind === 'route' || !leaf.candidates.some(fallsThrough)) return result
    return this.#fallThrough(trie, facts, path) ?? result
  }

  /** `fallthrough: true`: the only way to a less specific pattern. */
  #fallThrough(first: Trie, facts: RequestFacts, path: string): MatchResult | null {
    const table = this.#tables.get(facts.listener.name)!
    const levels = [...hostLevels(table, facts.host)]
    for (const trie of levels.slice(levels.indexOf(first))) {
      for (const leaf of findLeaves(trie, path)) {
        const result = decideLeaf(leaf, facts, this.#traits)
        if (result.kind === 'route' || !leaf.candidates.some(fallsThrough)) return result
      }
    }
    return null
  }

  /** Every route that covers the path, and why those lost that did. */
  considered(facts: RequestFacts, path: string, result: MatchResult): readonly ConsideredRoute[] {
    return consideredRoutes(this.#tables, { facts, path, traits: this.#traits }, result)
  }

  /** The hosts, as in matches, under which a listener serves the path; null: any host. */
  hostsCovering(listener: string, path: string): readonly (string | null)[] {
    return hostsCovering(this.#tables.get(listener), path)
  }

  /**
   * The route that an origin's own reading of the path would land on, where its chain demands something that the matched
   * one's does not. Null: the path means the same to everybody, or nothing is lost by it.
   */
  alias(facts: RequestFacts, path: string, matched: RouteConfig | null): RouteConfig | null {
    const table = this.#folded.get(facts.listener.name)
    if (table === undefined) return null
    const met = matched === null ? none : this.#traits.demandsOf(matched)
    for (const reading of readings(path)) {
      const leaf = leafOf(table, facts.host, reading)
      for (const { route } of leaf === null ? [] : candidatesFor(leaf, facts, this.#traits)) {
        if (route !== matched && !this.#traits.demandsOf(route).isSubsetOf(met)) return route
      }
    }
    return null
  }
}

const none: ReadonlySet<string> = new Set()

async function edited(
  from: ReadonlyMap<string, HostTable>,
  { removed, added }: Difference,
  fold: (literal: string) => string,
): Promise<TableEdit> {
  const edit = new TableEdit(from, fold)
  const listeners = [...from.keys()]
  await inPieces(removed, (route) => {
    for (const spot of spotsOf(routeBrief(route), listeners)) edit.remove(spot, route)
  })
  await inPieces(added, (route) => {
    const brief = routeBrief(route)
    const candidates = brief.paths.map((_, place) => new Candidate(route, place, brief.rank))
    for (const spot of spotsOf(brief, listeners)) edit.add(spot, candidates[spot.place]!)
  })
  return edit
}

function* spotsOf({ paths, on, hosts }: RouteBrief, listeners: readonly string[]): Generator<Spot & { place: number }> {
  for (const [place, pattern] of paths.entries()) {
    for (const listener of on ?? listeners) {
      for (const host of hosts ?? [null]) yield { listener, host, pattern, place }
    }
  }
}
