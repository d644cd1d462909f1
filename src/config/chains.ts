/** `chains`, `plugins` and the chains of routes: names looked up, named chains unfolded, plugins loaded. */
import { anyEntry, type ChainEntry, pluginEntry, unknownEntry } from './chain-entry.ts'
import { readAny, readItems, UNREADABLE, type WrittenItem } from './chain-item.ts'
import type { Path } from './document.ts'
import { futurePlugins, notYet } from './not-yet.ts'
import type { CatalogEntry, LoadedPlugin, PluginCatalog, PluginFailure, PluginSource } from './plugin-catalog.ts'
import { authenticates, type CheckedItem, checkItem } from './plugin-items.ts'
import type { RawItem } from './raw.ts'
import { checkName, type Reading } from './reading.ts'
import { didYouMean, nameHint } from './suggest.ts'

/** Chains that name chains double with each level: no chain that somebody means is this long. */
const MOST_ITEMS = 1000

/** What stands at the top level of `plugins`, and can be left out by name. */
interface GlobalPart {
  readonly name: string
  readonly entries: readonly ChainEntry[]
}

interface Opened {
  /** `routes.orders`: the first half of item ids. */
  readonly place: string
  /** Named chains that are being unfolded. */
  readonly within: readonly string[]
}

export class Chains {
  readonly #reading: Reading
  readonly #written = new Map<string, WrittenItem[]>()
  readonly #unfolded = new Map<string, readonly ChainEntry[]>()
  readonly #found = new Map<string, CatalogEntry | PluginFailure>()
  readonly #builtIns: readonly string[]
  #global: readonly GlobalPart[] = []
  #routes = new Map<string, WrittenItem[]>()

  private constructor(reading: Reading, builtIns: readonly string[]) {
    this.#reading = reading
    this.#builtIns = builtIns
  }

  /** Reads every chain of the file and loads the plugins they name. */
  static async read(reading: Reading, catalog: PluginCatalog, source: PluginSource): Promise<Chains> {
    const chains = new Chains(reading, catalog.builtIns)
    const { data } = reading
    for (const name of reading.document.keysOf(['chains'])) chains.#define(name, data.chains?.[name])
    const global = readItems(reading, data.plugins, ['plugins'])
    for (const [name, route] of Object.entries(data.routes ?? {})) {
      if (route !== undefined) chains.#routes.set(name, readItems(reading, route.plugins, ['routes', name, 'plugins']))
    }
    await chains.#load([...global, ...chains.#written.values(), ...chains.#routes.values()].flat(), { catalog, source })
    for (const name of chains.#written.keys()) chains.#named(name, { place: `chains.${name}`, within: [] })
    const unfold = chains.#unfolder({ place: 'plugins', within: [] })
    chains.#global = global.map((item) => ({ name: item.name, entries: unfold(item) }))
    return chains
  }

  /** What a request that matches no route runs. */
  get global(): ChainEntry[] {
    return this.#global.flatMap(({ entries }) => entries)
  }

  get plugins(): Map<string, LoadedPlugin> {
    const plugins = new Map<string, LoadedPlugin>()
    for (const found of this.#found.values()) if (!('code' in found)) plugins.set(found.plugin.ref.url, found.plugin)
    return plugins
  }

  /** The effective chain of a route: global items less those it leaves out, then its own. */
  ofRoute(name: string, without: readonly (string | undefined)[]): ChainEntry[] {
    const { document, findings } = this.#reading
    const left = new Set(without)
    for (const [index, leftOut] of without.entries()) {
      if (leftOut === undefined || this.#global.some((part) => part.name === leftOut)) continue
      const names = this.#global.map((part) => part.name)
      const suggestion = nameHint(leftOut, names)
      const message = `nothing under \`plugins\` is called "${leftOut}"`
      findings.error('unknown-name', document.place(['routes', name, 'without', index]), { message, suggestion })
    }
    const global = this.#global.filter((part) => !left.has(part.name)).flatMap(({ entries }) => entries)
    const own = (this.#routes.get(name) ?? []).flatMap(this.#unfolder({ place: `routes.${name}`, within: [] }))
    const chain = [...global, ...own]
    this.#warnOfRepeats(chain, ['routes', name])
    return chain
  }

  #define(name: string, items: readonly (RawItem | undefined)[] | undefined): void {
    const { document, findings } = this.#reading
    checkName(this.#reading, ['chains', name])
    if (name === 'any' || futurePlugins.has(name) || this.#builtIns.includes(name)) {
      findings.error(
        'chain-shadows-plugin',
        document.keyPlace(['chains', name]),
        `"${name}" is a plugin: a chain needs another name`,
      )
    }
    this.#written.set(name, readItems(this.#reading, items, ['chains', name]))
  }

  async #load(
    items: readonly WrittenItem[],
    { catalog, source }: { catalog: PluginCatalog; source: PluginSource },
  ): Promise<void> {
    const names = new Set(items.flatMap((item) => (item.name === 'any' ? memberNames(item) : [item.name])))
    for (const name of names) {
      if (this.#written.has(name) || futurePlugins.has(name) || name === 'any' || name === UNREADABLE) continue
      this.#found.set(name, await catalog.find(name, source))
    }
  }

  #named(name: string, opened: Opened): readonly ChainEntry[] {
    const known = this.#unfolded.get(name)
    if (known !== undefined) return known
    const inner = { place: `chains.${name}`, within: [...opened.within, name] }
    const entries = this.#written.get(name)!.flatMap(this.#unfolder(inner))
    this.#unfolded.set(name, entries)
    return entries
  }

  /** Unfolds the items of one list, in order: equal names get numbers. */
  #unfolder(opened: Opened): (item: WrittenItem) => readonly ChainEntry[] {
    const counts = new Map<string, number>()
    let total = 0
    let tooLong = false
    return (item) => {
      if (tooLong) return []
      const number = counts.get(item.name) ?? 0
      counts.set(item.name, number + 1)
      const entries = this.#entries(item, { ...opened, id: `${opened.place}/${item.name}#${number}` })
      total += entries.length
      if (total <= MOST_ITEMS) return entries
      tooLong = true
      this.#reading.findings.error(
        'wrong-value',
        this.#reading.document.place(item.path),
        `a chain has at most ${MOST_ITEMS} items`,
      )
      return []
    }
  }

  #entries(item: WrittenItem, about: Opened & { readonly id: string }): readonly ChainEntry[] {
    const { id } = about
    if (item.name === 'any') return [this.#any(item, id)]
    if (this.#written.has(item.name)) return this.#chain(item, about)
    const entry = this.#lookUp(item)
    return [entry === undefined ? this.#unknown(item, id) : pluginEntry(checkItem(this.#reading, item, { entry, id }))]
  }

  #unknown(item: WrittenItem, id: string): ChainEntry {
    return unknownEntry({ id, name: item.name, at: this.#reading.document.place(item.path).at })
  }

  #chain(item: WrittenItem, opened: Opened & { readonly id: string }): readonly ChainEntry[] {
    const { document, findings } = this.#reading
    if (item.options !== undefined) {
      findings.error('bad-item', document.place(item.optionsPath), `${item.name} is a chain: chains have no options`)
    }
    if (opened.within.includes(item.name)) {
      const cycle = [...opened.within.slice(opened.within.indexOf(item.name)), item.name]
      findings.error('chain-cycle', document.place(item.path), `a chain cannot contain itself: ${cycle.join(' → ')}`)
      return [this.#unknown(item, opened.id)]
    }
    return this.#named(item.name, opened)
  }

  #any(item: WrittenItem, id: string): ChainEntry {
    const written = readAny(this.#reading, item)
    if (written === undefined) return this.#unknown(item, id)
    const { document } = this.#reading
    const counts = new Map<string, number>()
    const members = written.members.flatMap((member) => {
      const number = counts.get(member.name) ?? 0
      counts.set(member.name, number + 1)
      return this.#member(member, `${id}/${member.name}#${number}`)
    })
    if (members.length < written.members.length) return this.#unknown(item, id)
    const { at } = document.keyPlace(item.optionsPath)
    return anyEntry({ id, at, optional: written.optional, members })
  }

  /** One member of `any`; none, and reported, when it cannot decide alone who the client is. */
  #member(member: WrittenItem, id: string): CheckedItem[] {
    if (member.name === 'any') return this.#refuseMember(member, '`any` does not stand in another')
    const entry = this.#lookUp(member)
    if (entry === undefined) return []
    const checked = checkItem(this.#reading, member, { entry, id })
    if (checked.item.optional) {
      const suggestion = 'write `any: { of: […], optional: true }`'
      return this.#refuseMember(member, 'a member of `any` is not optional by itself', suggestion)
    }
    if (authenticates(checked) || checked.skipped) return [checked]
    const why = checked.item.mode === 'observe' ? ' in observe mode' : ''
    return this.#refuseMember(member, `${member.name} authenticates nobody${why}: it cannot stand in \`any\``)
  }

  #refuseMember(member: WrittenItem, message: string, suggestion?: string): [] {
    const place = this.#reading.document.place(member.path)
    this.#reading.findings.error('not-an-authenticator', place, { message, suggestion })
    return []
  }

  /** The plugin of an item; undefined, and reported, where there is none. */
  #lookUp(item: WrittenItem): CatalogEntry | undefined {
    if (item.name === UNREADABLE) return undefined
    const { document, findings } = this.#reading
    const place = document.keyPlace(item.options === undefined ? item.path : item.optionsPath)
    if (this.#written.has(item.name)) {
      this.#refuseMember(item, `${item.name} is a chain: members of \`any\` are plugins`)
      return undefined
    }
    if (futurePlugins.has(item.name)) {
      findings.error('not-supported-yet', place, notYet(item.name))
      return undefined
    }
    const found = this.#found.get(item.name)!
    if (!('code' in found)) {
      if (found.skipped)
        findings.warning('plugin-skipped', place, `${item.name} was not loaded: what it does is not checked`)
      return found
    }
    document.hide(item.options === undefined ? null : document.nodeAt(item.optionsPath))
    const candidates = [...this.#written.keys(), ...this.#builtIns, ...futurePlugins, 'any']
    const suggestion = found.code === 'unknown-name' ? didYouMean(item.name, candidates) : undefined
    findings.error(found.code, place, { message: found.message, suggestion })
    return undefined
  }

  #warnOfRepeats(chain: readonly ChainEntry[], path: Path): void {
    const seen = new Set<string>()
    for (const { id, name } of chain) {
      if (seen.has(id)) {
        const message = `${name} (${id}) stands twice in the chain of this route: it runs, and counts, twice`
        this.#reading.findings.warning('repeated-item', this.#reading.document.keyPlace(path), message)
      }
      seen.add(id)
    }
  }
}

function memberNames({ options }: WrittenItem): string[] {
  const members = Array.isArray(options) ? options : ((options as { of?: unknown } | null)?.of ?? [])
  if (!Array.isArray(members)) return []
  return members.flatMap((member) => (typeof member === 'string' ? [member] : Object.keys((member ?? {}) as object)))
}
