/** YAML nodes → plain data: placeholders filled in, aliases and merges followed within bounds, duplicate keys reported. */
import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml'
import type { ConfigDocument } from './document.ts'
import type { Findings } from './findings.ts'
import { isSecretKey } from './redaction.ts'
import { hasPlaceholder, type Interpolation, interpolate, type SecretSources } from './secrets.ts'

/** Attack and accident alike: a file of nine lines can stand for a billion nodes. */
const MOST_ALIASED_NODES = 100_000
const MOST_DEPTH = 200

export interface PlainData {
  readonly data: unknown
  /** Every text with placeholders, in file order: part of the config's hash. */
  readonly interpolated: readonly Interpolation[]
}

type Entry = Pair<Node, Node | null>

/** The data of a document. What cannot be read is reported, and undefined in the data. */
export function readPlain(document: ConfigDocument, sources: SecretSources, findings: Findings): PlainData {
  const reader = new PlainReader(document, sources, findings)
  return { data: reader.read(document.root), interpolated: reader.interpolated }
}

class PlainReader {
  readonly interpolated: Interpolation[] = []
  readonly #document: ConfigDocument
  readonly #sources: SecretSources
  readonly #findings: Findings
  readonly #anchors = new Map<string, Node>()
  readonly #path: (string | number)[] = []
  readonly #open = new Set<Node>()
  #aliasDepth = 0
  #aliasedNodes = 0

  constructor(document: ConfigDocument, sources: SecretSources, findings: Findings) {
    this.#document = document
    this.#sources = sources
    this.#findings = findings
  }

  read(node: Node | null): unknown {
    if (node === null) return null
    if (isAlias(node)) return this.#alias(node)
    if ('anchor' in node && typeof node.anchor === 'string') this.#anchors.set(node.anchor, node)
    if (this.#aliasDepth > 0 && this.#tooMany(node)) return undefined
    if (isScalar(node)) return this.#scalar(node.value, node)
    if (this.#open.size > MOST_DEPTH) return this.#refuse(node, 'this is nested too deeply')
    this.#open.add(node)
    const data = isMap<Node, Node | null>(node)
      ? this.#map(node)
      : isSeq<Node>(node)
        ? this.#list(node.items)
        : undefined
    this.#open.delete(node)
    return data
  }

  #map(map: YAMLMap<Node, Node | null>): Record<string, unknown> {
    const entries = this.#entriesOf(map)
    const data: Record<string, unknown> = {}
    for (const [key, { value }] of entries) {
      this.#path.push(key)
      data[key] = this.read(value)
      this.#path.pop()
      if (isSecretKey(key) && !isMap(value) && !isSwitch(value)) this.#document.hide(value)
    }
    return data
  }

  #list(items: readonly (Node | null)[]): unknown[] {
    return items.map((item, index) => {
      this.#path.push(index)
      const data = this.read(item)
      this.#path.pop()
      return data
    })
  }

  /** Own entries first: a merged one never replaces them (YAML merge key, `<<`). */
  #entriesOf(map: YAMLMap<Node, Node | null>): Map<string, Entry> {
    const known = this.#document.entries.get(map)
    if (known !== undefined) return known
    const entries = new Map<string, Entry>()
    const merges: (Node | null)[] = []
    for (const pair of map.items) {
      const name = this.#keyOf(pair, map)
      if (name === '<<') merges.push(pair.value)
      else if (name !== undefined) this.#addEntry(entries, name, pair)
    }
    for (const merged of merges) this.#merge(entries, merged)
    this.#document.entries.set(map, entries)
    return entries
  }

  #keyOf(pair: Entry, map: Node): string | undefined {
    const { key } = pair
    if (isScalar(key)) {
      if (typeof key.value === 'string' && key.value !== '__proto__') return key.value
      if (typeof key.value === 'number' || typeof key.value === 'boolean') return key.source ?? String(key.value)
    }
    const place = this.#document.placeOf(key?.range == null ? map : key, this.#path)
    this.#findings.error('bad-key', place, 'a key is a name: this is none')
    return undefined
  }

  #addEntry(entries: Map<string, Entry>, name: string, pair: Entry): void {
    const first = entries.get(name)
    if (first === undefined) {
      entries.set(name, pair)
      return
    }
    const path = [...this.#path, name]
    // Nobody looks into it any more, so nobody sees whether it holds a secret.
    this.#document.hide(pair.value)
    const firstAt = this.#document.placeOf(first.key, path).at
    this.#findings.error('duplicate-key', this.#document.placeOf(pair.key, path), {
      message: `the key "${name}" is here twice: first on line ${firstAt.line}`,
      related: [{ at: firstAt, message: 'first defined here' }],
    })
  }

  #merge(entries: Map<string, Entry>, merged: Node | null): void {
    if (isSeq<Node>(merged)) {
      for (const item of merged.items) this.#merge(entries, item)
      return
    }
    const map = isAlias(merged) ? this.#targetOf(merged) : merged
    if (isMap<Node, Node | null>(map)) {
      for (const [name, pair] of this.#entriesOf(map)) if (!entries.has(name)) entries.set(name, pair)
    } else if (merged !== null && map !== undefined) {
      this.#findings.error(
        'wrong-type',
        this.#document.placeOf(merged, this.#path),
        '<< takes a map, or a list of maps',
      )
    }
  }

  #alias(alias: Alias): unknown {
    const target = this.#targetOf(alias)
    if (target === undefined) return undefined
    this.#aliasDepth++
    const data = this.read(target)
    this.#aliasDepth--
    return data
  }

  /** The node that the nearest anchor before stands for. Undefined, and reported, where there is none or it holds the alias. */
  #targetOf(alias: Alias): Node | undefined {
    const target = this.#document.aliased.get(alias) ?? this.#anchors.get(alias.source)
    const place = this.#document.placeOf(alias, this.#path)
    if (target === undefined) {
      this.#findings.error('yaml-syntax', place, `no anchor &${alias.source} stands above this alias`)
    } else if (this.#open.has(target)) {
      this.#findings.error('too-many-aliases', place, `the alias *${alias.source} stands inside of what it means`)
      return undefined
    } else {
      this.#document.aliased.set(alias, target)
    }
    return target
  }

  #tooMany(node: Node): boolean {
    this.#aliasedNodes++
    if (this.#aliasedNodes === MOST_ALIASED_NODES) {
      const message = `aliases stand for more than ${MOST_ALIASED_NODES} values`
      this.#findings.error('too-many-aliases', this.#document.placeOf(node, this.#path), message)
    }
    return this.#aliasedNodes >= MOST_ALIASED_NODES
  }

  #scalar(value: unknown, node: Node): unknown {
    if (typeof value !== 'string' || !hasPlaceholder(value)) return value
    const result = interpolate(value, this.#sources)
    if ('value' in result) {
      this.interpolated.push({ written: value, value: result.value })
      return result.value
    }
    this.#findings.error(result.code, this.#document.placeOf(node, this.#path), result.problem)
    return undefined
  }

  #refuse(node: Node, message: string): undefined {
    this.#findings.error('yaml-syntax', this.#document.placeOf(node, this.#path), message)
    return undefined
  }
}

/** `credentials: true` is a setting, no secret. */
function isSwitch(node: Node | null): boolean {
  return isScalar(node) && typeof node.value === 'boolean'
}
