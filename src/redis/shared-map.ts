/**
 * A map in Redis that every gateway holds whole and keeps up with: whatever is looked up costs no round trip, and a change
 * is everywhere half a second after it was made. Each change has a number; a gateway asks for those after the last it has.
 */
import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Link } from './link.ts'

export interface SharedMapOptions<Value> {
  readonly link: Link
  /** In front of the names of its keys, which share a slot. */
  readonly prefix: string
  readonly name: string
  /** What a value's text means; null: it is malformed, and left out. */
  readonly read: (text: string) => Value | null
  /** Told of each value that changed while we kept up; not of those that were there when we came. */
  readonly changed?: (value: Value) => void
  /** Changes were made, and dropped for new ones, that we never heard of. */
  readonly missed?: () => void
}

/** What the script `changes` returns: the map's epoch; field, version, value (null: gone), …; the last version dropped. */
export type Changes = [epoch: string, entries: (string | null)[], floor: number]

const PULL_EVERY_MS = 500
/** A page of changes must come within a request's timeout. */
const PAGE = 250

export class SharedMap<Value> {
  readonly #options: SharedMapOptions<Value>
  readonly #names: MapNames
  #values = new Map<string, Versioned<Value>>()
  #epoch = ''
  #version = 0
  /** Changes up to this one may have been dropped for newer ones. */
  #floor = 0
  #currentAt = Number.NEGATIVE_INFINITY
  #pulling: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(options: SharedMapOptions<Value>) {
    this.#options = options
    this.#names = mapNames(options.prefix, options.name)
  }

  get(field: string): Value | undefined {
    return this.#values.get(field)?.value
  }

  get size(): number {
    return this.#values.size
  }

  /** Whether what is held here is this map, with every change up to this one. */
  knows(epoch: string, version: number): boolean {
    return this.#epoch === epoch && this.#version >= version
  }

  /** What changed after a version and is there still; null: that is not known any more. */
  since(version: number): Value[] | null {
    if (version < this.#floor) return null
    return [...this.#values.values()].filter((one) => one.version > version).map((one) => one.value)
  }

  /** Milliseconds since what is held here was all there was; infinite where it never was. */
  get age(): number {
    return performance.now() - this.#currentAt
  }

  /** Begins to keep up. Resolves after the first attempt. */
  start(): Promise<void> {
    this.#timer = setInterval(() => void this.pull(), PULL_EVERY_MS).unref()
    return this.pull()
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
  }

  /** Takes over what has changed. Leaves everything as it is where Redis does not answer. */
  pull(): Promise<void> {
    this.#pulling ??= this.#pull().finally(() => {
      this.#pulling = null
    })
    return this.#pulling
  }

  async #pull(): Promise<void> {
    const askedAt = performance.now()
    const keptUp = Number.isFinite(this.#currentAt)
    // Of a map that is new to us nothing counts before all of it is here.
    let held: Held<Value> = { epoch: this.#epoch, version: this.#version, values: this.#values }
    const news: Value[] = []
    let missed = false
    let dropped = 0
    for (;;) {
      const changes = await this.#changes(held.version)
      if (changes === null) return
      const [epoch, entries, floor] = changes
      if (epoch !== held.epoch) {
        const isWhole = held.version === 0
        held = { epoch, version: 0, values: new Map() }
        if (!isWhole) continue
      }
      missed ||= floor > held.version
      dropped = floor
      for (let i = 0; i < entries.length; i += 3)
        news.push(
          ...apply(held.values, entries[i]!, { version: Number(entries[i + 1]), value: this.#read(entries[i + 2]!) }),
        )
      if (entries.length > 0) held.version = Number(entries.at(-2))
      if (entries.length < PAGE * 3) break
    }
    const before = this.#epoch
    this.#values = held.values
    this.#epoch = held.epoch
    this.#version = held.version
    this.#floor = dropped
    for (const [field, { version }] of this.#values) if (version <= dropped) this.#values.delete(field)
    this.#currentAt = askedAt
    if (!keptUp || held.epoch === '') return
    // A map that was empty has its first values; one in place of another may lack some that we never heard of.
    this.#tell(missed || (before !== '' && before !== held.epoch) ? null : news)
  }

  /** Null: it is not known what changed. */
  #tell(news: readonly Value[] | null): void {
    const { changed, missed } = this.#options
    if (news === null) missed?.()
    else if (changed !== undefined) for (const value of news) changed(value)
  }

  #read(text: string | null): Value | null {
    return text === null ? null : this.#options.read(text)
  }

  #changes(version: number): Promise<Changes | null> {
    const { values, versions, head } = this.#names
    return new Promise((resolve) =>
      this.#options.link.ask(
        (client) => client.changes(values, versions, head, version, PAGE),
        (_, answer) => resolve(answer),
      ),
    )
  }
}

/** What has been taken over so far. */
interface Held<Value> {
  readonly epoch: string
  version: number
  readonly values: Map<string, Versioned<Value>>
}

interface Versioned<Value> {
  readonly version: number
  readonly value: Value
}

/** Returns the value, if there is one. */
function apply<Value>(
  values: Map<string, Versioned<Value>>,
  field: string,
  { version, value }: Versioned<Value | null>,
): Value[] {
  if (value === null) {
    values.delete(field)
    return []
  }
  values.set(field, { version, value })
  return [value]
}

export interface MapNames {
  readonly values: string
  readonly versions: string
  readonly head: string
}

/** The keys of a map: in braces what Redis Cluster places them by. */
export function mapNames(prefix: string, name: string): MapNames {
  const tag = `${prefix}{${name}}`
  return { values: tag, versions: `${tag}:versions`, head: `${tag}:head` }
}

export interface MapChange {
  readonly field: string
  /** Null removes it. */
  readonly text: string | null
  /** How many fields the map may have; without it any number. */
  readonly most?: number
}

/** Changes one field for all gateways. */
export async function change(client: Redis, names: MapNames, { field, text, most = 0 }: MapChange): Promise<void> {
  const { values, versions, head } = names
  await client.change(values, versions, head, field, text ?? '', randomBytes(8).toString('hex'), most)
}
