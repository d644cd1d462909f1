/** Path patterns of one host, as a tree of segments: literal before `{name}` before `*`, decided from the left. */

export interface TrieNode<Leaf> {
  /** Null: none, as for most nodes of most tables. */
  literals: Map<string, TrieNode<Leaf>> | null
  parameter: TrieNode<Leaf> | null
  /** Of the pattern that ends here. */
  leaf: Leaf | null
  /** Of the pattern that ends here in `/*`: covers this path and everything beneath it. */
  wildcard: Leaf | null
  /** Of the edit that made it, and may change it. */
  readonly mark: object
}

export function createNode<Leaf>(mark: object): TrieNode<Leaf> {
  return { literals: null, parameter: null, leaf: null, wildcard: null, mark }
}

/** How a pattern such as `/orders/{id}/*` leads through a trie: literals folded, null for a parameter. */
export interface Way {
  readonly steps: readonly (string | null)[]
  readonly place: 'leaf' | 'wildcard'
}

export function wayOf(pattern: string, fold: (literal: string) => string): Way {
  const segments = pattern.slice(1).split('/')
  const place = segments.at(-1) === '*' ? 'wildcard' : 'leaf'
  if (place === 'wildcard') segments.pop()
  return { steps: segments.map((segment) => (segment.startsWith('{') ? null : fold(segment))), place }
}

/** The leaf of the most specific pattern that covers the path; null when none does. */
export function findLeaf<Leaf>(node: TrieNode<Leaf>, path: string, start = 1): Leaf | null {
  if (start > path.length) return node.leaf ?? node.wildcard
  const slash = path.indexOf('/', start)
  const end = slash === -1 ? path.length : slash
  const literal = node.literals?.get(path.slice(start, end))
  if (literal !== undefined) {
    const leaf = findLeaf(literal, path, end + 1)
    if (leaf !== null) return leaf
  }
  if (node.parameter !== null && end > start) {
    const leaf = findLeaf(node.parameter, path, end + 1)
    if (leaf !== null) return leaf
  }
  return node.wildcard
}

/** All leaves whose patterns cover the path, most specific first. */
export function findLeaves<Leaf>(node: TrieNode<Leaf>, path: string, found: Leaf[] = [], start = 1): Leaf[] {
  if (start > path.length) {
    if (node.leaf !== null) found.push(node.leaf)
    if (node.wildcard !== null) found.push(node.wildcard)
    return found
  }
  const slash = path.indexOf('/', start)
  const end = slash === -1 ? path.length : slash
  const literal = node.literals?.get(path.slice(start, end))
  if (literal !== undefined) findLeaves(literal, path, found, end + 1)
  if (node.parameter !== null && end > start) findLeaves(node.parameter, path, found, end + 1)
  if (node.wildcard !== null) found.push(node.wildcard)
  return found
}
