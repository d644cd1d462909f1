/** The patterns of one listener by host: exact names, `*.suffix`, and what is for any host. */
import type { Leaf } from './leaf.ts'
import { findLeaf, type TrieNode } from './trie.ts'

export type Trie = TrieNode<Leaf>

export interface HostTable {
  readonly exact: Map<string, Trie>
  /** Keyed by `.example.com`. */
  readonly suffix: Map<string, Trie>
  any: Trie | null
}

export function emptyHostTable(): HostTable {
  return { exact: new Map(), suffix: new Map(), any: null }
}

/** Exact host, then `*.suffix` from the longest, then any host. */
export function* hostLevels(table: HostTable, host: string | null): Generator<Trie> {
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

export function leafOf(table: HostTable, host: string | null, path: string): Leaf | null {
  for (const trie of hostLevels(table, host)) {
    const leaf = findLeaf(trie, path)
    if (leaf !== null) return leaf
  }
  return null
}
