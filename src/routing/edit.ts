/** Changes to tables of hosts that leave those in use as they are: whatever stands on the way to a change is copied, once. */
import type { RouteConfig } from '../config/config.ts'
import type { HostTable, Trie } from './hosts.ts'
import type { Candidate, Leaf } from './leaf.ts'
import { isFolded } from './reading.ts'
import { createNode, type Way, wayOf } from './trie.ts'

/** Where a pattern of a route stands. */
export interface Spot {
  readonly listener: string
  /** As in the match: null: any host. */
  readonly host: string | null
  readonly pattern: string
}

export class TableEdit {
  readonly tables: Map<string, HostTable>
  /** Folding would change no literal of what was added. */
  isFolded = true
  readonly #fold: (literal: string) => string
  /** Marks the nodes that are this edit's own. */
  readonly #mark = {}

  constructor(from: ReadonlyMap<string, HostTable>, fold: (literal: string) => string) {
    this.#fold = fold
    this.tables = new Map([...from].map(([listener, table]) => [listener, copyOf(table)]))
  }

  add({ listener, host, pattern }: Spot, candidate: Candidate): void {
    const way = wayOf(pattern, this.#fold)
    this.isFolded &&= way.steps.every((step) => step === null || isFolded(step))
    this.#change(listener, host, (root) => {
      let node = root
      for (const step of way.steps) node = this.#below(node, step)
      const known = node[way.place]
      const candidates = known === null ? [candidate] : [...known.candidates, candidate]
      candidates.sort((one, other) => other.rank - one.rank)
      node[way.place] = { candidates }
      return root
    })
  }

  remove({ listener, host, pattern }: Spot, route: RouteConfig): void {
    const way = wayOf(pattern, this.#fold)
    this.#change(listener, host, (root) => this.#without(root, way, { route, depth: 0 }))
  }

  #change(listener: string, host: string | null, changed: (root: Trie) => Trie | null): void {
    const table = this.tables.get(listener)!
    if (host === null) {
      table.any = changed(this.#own(table.any))
      return
    }
    const wild = host.startsWith('*.')
    const tries = wild ? table.suffix : table.exact
    const key = wild ? host.slice(1) : host
    const root = changed(this.#own(tries.get(key) ?? null))
    if (root === null) tries.delete(key)
    else tries.set(key, root)
  }

  #own(node: Trie | null): Trie {
    if (node === null) return createNode<Leaf>(this.#mark)
    if (node.mark === this.#mark) return node
    return { ...node, literals: node.literals === null ? null : new Map(node.literals), mark: this.#mark }
  }

  /** The node that a step leads to, made where it is missing. */
  #below(node: Trie, step: string | null): Trie {
    if (step === null) {
      node.parameter = this.#own(node.parameter)
      return node.parameter
    }
    node.literals ??= new Map()
    const known = node.literals.get(step) ?? null
    const child = this.#own(known)
    if (child !== known) node.literals.set(step, child)
    return child
  }

  /** What is left of a node of this edit; null: nothing. */
  #without(node: Trie, way: Way, { route, depth }: { route: RouteConfig; depth: number }): Trie | null {
    if (depth === way.steps.length) {
      const left = (node[way.place]?.candidates ?? []).filter((one) => one.route !== route)
      node[way.place] = left.length === 0 ? null : { candidates: left }
    } else {
      const step = way.steps[depth]!
      const child = this.#without(this.#below(node, step), way, { route, depth: depth + 1 })
      if (child === null) unlink(node, step)
    }
    return isEmpty(node) ? null : node
  }
}

function copyOf({ exact, suffix, any }: HostTable): HostTable {
  return { exact: new Map(exact), suffix: new Map(suffix), any }
}

function unlink(node: Trie, step: string | null): void {
  if (step === null) node.parameter = null
  else node.literals!.delete(step)
  if (node.literals?.size === 0) node.literals = null
}

function isEmpty({ literals, parameter, leaf, wildcard }: Trie): boolean {
  return literals === null && parameter === null && leaf === null && wildcard === null
}
