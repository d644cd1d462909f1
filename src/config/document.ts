/** The YAML text with its positions: which line and column a path of the config stands at, and what may be shown of it. */
import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml'
import type { Excerpts, Position } from './diagnostic.ts'
import type { Findings, Place } from './findings.ts'
import { maskLine, type Range } from './redaction.ts'
import { hasPlaceholder, isPlaceholder } from './secrets.ts'
import { reportSyntax } from './syntax.ts'

export type Path = readonly (string | number)[]

/** Where the file itself and some of its keys stand, for what is found out when the document is gone. */
export type Places = Readonly<Record<'file' | 'threads' | 'listen', Place>>

export class ConfigDocument implements Excerpts {
  readonly file: string
  readonly text: string
  readonly root: Node | null
  /** Filled by the reader of plain data: the entries of each map, merged ones included, and what aliases stand for. */
  readonly entries = new Map<Node, Map<string, Pair<Node, Node | null>>>()
  readonly aliased = new Map<Alias, Node>()
  readonly #secrets = new Set<Node>()
  readonly #lines: LineCounter
  readonly #broken: boolean

  /** Reports what is not YAML; `root` is then null. `file` is the name to show. */
  constructor(file: string, text: string, findings: Findings) {
    this.file = file
    this.text = text
    this.#lines = new LineCounter()
    const parsed = parseDocument<Node>(text, {
      version: '1.2',
      lineCounter: this.#lines,
      uniqueKeys: false,
      prettyErrors: false,
      keepSourceTokens: false,
    })
    this.#broken = reportSyntax(parsed, { text, placeOf: (start, end) => this.#place([], start, end) }, findings)
    this.root = this.#broken ? null : parsed.contents
  }

  /** Where a value stands. For one that is not there: where the nearest map or list around it is named. */
  place(path: Path): Place {
    const found = this.#find(path)
    if (found?.value?.range == null) return this.keyPlace(path)
    const [start, end] = found.value.range
    return this.#place(path, start, end)
  }

  get places(): Places {
    return { file: this.place([]), threads: this.place(['threads']), listen: this.place(['listen']) }
  }

  /** Where the key of a map entry stands; for a list item: the item. */
  keyPlace(path: Path): Place {
    for (let depth = path.length; depth > 0; depth--) {
      const found = this.#find(path.slice(0, depth))
      const node = found?.key ?? found?.value
      if (node?.range != null) return this.#place(path, node.range[0], node.range[1])
    }
    return this.#place(path, 0, 0)
  }

  /** The place of any node, under the path that led to it. */
  placeOf(node: Node, path: Path): Place {
    const [start, end] = node.range ?? [0, 0]
    return this.#place(path, start, end)
  }

  /** Whether a value is not what the file says, but what a placeholder in it stands for. */
  isInterpolated(path: Path): boolean {
    const node = this.nodeAt(path)
    return isScalar(node) && typeof node.value === 'string' && hasPlaceholder(node.value)
  }

  /** Whether the file has something here, whatever became of it since. */
  has(path: Path): boolean {
    return this.#find(path) !== null
  }

  /** A value for a message: `"orders"`, `the number 5`, `a map`. Placeholders as written; secrets not at all. */
  shown(path: Path): string {
    const node = this.#find(path)?.value
    if (node == null) return 'nothing'
    if (isScalar(node) && this.#secrets.has(node)) return 'a value that is not shown'
    return describe(node)
  }

  /** The node at a path, aliases followed. */
  nodeAt(path: Path): Node | null {
    return this.#find(path)?.value ?? null
  }

  /** The keys of a map; none where there is no map. */
  keysOf(path: Path): string[] {
    const node = this.nodeAt(path)
    return node === null ? [] : [...(this.entries.get(node)?.keys() ?? [])]
  }

  /** Keys of a map or indexes of a list. */
  childrenOf(path: Path): (string | number)[] {
    const node = this.nodeAt(path)
    return isSeq(node) ? [...node.items.keys()] : this.keysOf(path)
  }

  /** From now on neither this value nor anything below it is shown to anybody. */
  hide(node: Node | null): void {
    if (node === null || this.#secrets.has(node)) return
    if (isAlias(node)) this.hide(this.aliased.get(node) ?? null)
    // Lists and maps too: aliases can make one value stand for a billion.
    this.#secrets.add(node)
    if (isSeq<Node>(node)) for (const item of node.items) this.hide(item)
    if (isMap<Node, Node | null>(node)) for (const pair of node.items) this.hide(pair.value)
  }

  /** Where the literal secrets are: those that are nothing but a placeholder may be shown as it. */
  secretRanges(): Range[] {
    const ranges: Range[] = []
    for (const node of this.#secrets) {
      if (node.range == null || !isScalar(node) || node.value === null) continue
      if (typeof node.value === 'string' && isPlaceholder(node.value)) continue
      ranges.push({ start: node.range[0], end: node.range[1] })
    }
    return ranges.sort((one, other) => one.start - other.start)
  }

  excerpt(at: Position): { text: string; column: number; endColumn: number } | null {
    const start = this.#lines.lineStarts[at.line - 1]
    if (at.file !== this.file || start === undefined || this.text === '') return null
    const line = { text: this.#lineFrom(start), start }
    return maskLine({ line, at, secrets: this.secretRanges(), broken: this.#broken })
  }

  #lineFrom(start: number): string {
    const end = this.text.indexOf('\n', start)
    return this.text.slice(start, end === -1 ? undefined : end).replace(/\r$/, '')
  }

  #place(path: Path, start: number, end: number): Place {
    const { line, col } = this.#lines.lineStarts.length === 0 ? { line: 1, col: 1 } : this.#lines.linePos(start)
    const lineStart = start - (col - 1)
    const lineEnd = lineStart + this.#lineFrom(lineStart).length
    const endColumn = Math.max(Math.min(end, lineEnd) - lineStart + 1, col + 1)
    return {
      path: pathText(path),
      at: { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1), endColumn },
    }
  }

  #find(path: Path): { key: Node | null; value: Node | null } | null {
    let found: { key: Node | null; value: Node | null } = { key: null, value: this.#followed(this.root) }
    for (const step of path) {
      const { value } = found
      if (isMap(value)) {
        const pair = this.entries.get(value)?.get(String(step))
        if (pair === undefined) return null
        found = { key: pair.key, value: this.#followed(pair.value) }
      } else if (isSeq<Node>(value)) {
        if (typeof step !== 'number' || step >= value.items.length) return null
        found = { key: null, value: this.#followed(value.items[step] ?? null) }
      } else {
        return null
      }
    }
    return found
  }

  #followed(node: Node | null): Node | null {
    return isAlias(node) ? (this.aliased.get(node) ?? null) : node
  }
}

/** `routes.orders.plugins[0]`. */
export function pathText(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[A-Za-z0-9_@./-]+$/.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${JSON.stringify(step)}]`
  }
  return text
}

const MOST_SHOWN = 80

function describe(node: Node): string {
  if (isMap(node)) return 'a map'
  if (isSeq(node)) return 'a list'
  if (!isScalar(node)) return 'an alias'
  const { value } = node
  if (value === null) return 'nothing'
  if (typeof value === 'number') return `the number ${node.source ?? value}`
  if (typeof value === 'boolean') return `${value}`
  const text = withoutUserinfo(String(value))
  return JSON.stringify(text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text)
}

/** A URL may carry a password. */
function withoutUserinfo(text: string): string {
  return text.replaceAll(/:\/\/[^/?#\s]*@/g, '://<redacted>@')
}
