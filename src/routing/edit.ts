/** Changes to tables of hosts that leave those in use as they are: whatever stands on the way to a change is copied, once. */
import type { HostTable, Trie } from './hosts.ts'
import type { Candidate, Leaf, Routable } from './leaf.ts'
import { createNode, type Way, wayOf } from './trie.ts'

/** Where a pattern of a route stands. */
export interface Spot {
  readonly listener: string
  /** As in the match: null: any host. */
  readonly host: string | null
  readonly pattern: string
}

export class TableEdit<R extends Routable> {
  readonly tables: Map<string, HostTable<R>>
  readonly #fold: (literal: string) => string
  /** Marks the nodes that are this edit's own. */
  readonly #mark = {}

  constructor(from: ReadonlyMap<string, HostTable<R>>, fold: (literal: string) => string) {
    this.#fold = fold
    this.tables = new Map([...from].map(([listener, table]) => [listener, copyOf(table)]))
  }

  add({ listener, host, pattern }: Spot, candidate: Candidate<R>): void {
    const way = wayOf(pattern, this.#fold)
    this.#change(listener, host, (root) => {
      let node = root
      for (const step of way.steps) node = this.#below(node, step)
      const known = node[way.place]
      const candidates = known === null ? [candidate] : [...known.candidates, candidate]
      candidates.sort((one, other) => other.conditions.length - one.conditions.length)
      node[way.place] = { candidates }
      return root
    })
  }

  remove({ listener, host, pattern }: Spot, route: R): void {
    const way = wayOf(pattern, this.#fold)
    this.#change(listener, host, (root) => this.#without(root, way, { route, depth: 0 }))
  }

  #change(listener: string, host: string | null, changed: (root: Trie<R>) => Trie<R> | null): void {
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

  #own(node: Trie<R> | null): Trie<R> {
    if (node === null) return createNode<Leaf<R>>(this.#mark)
    if (node.mark === this.#mark) return node
    return { ...node, literals: node.literals === null ? null : new Map(node.literals), mark: this.#mark }
  }

  /** The node that a step leads to, made where it is missing. */
  #below(node: Trie<R>, step: string | null): Trie<R> {
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
  #without(node: Trie<R>, way: Way, { route, depth }: { route: R; depth: number }): Trie<R> | null {
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

function copyOf<R extends Routable>({ exact, suffix, any }: HostTable<R>): HostTable<R> {
  return { exact: new Map(exact), suffix: new Map(suffix), any }
}

function unlink<R extends Routable>(node: Trie<R>, step: string | null): void {
  if (step === null) node.parameter = null
  else node.literals!.delete(step)
  if (node.literals?.size === 0) node.literals = null
}

function isEmpty<R extends Routable>({ literals, parameter, leaf, wildcard }: Trie<R>): boolean {
  return literals === null && parameter === null && leaf === null && wildcard === null
}
