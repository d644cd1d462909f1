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
}

/** What the script `changes` returns: the map's epoch, and field, version, value (null: gone), … */
export type Changes = [epoch: string, entries: (string | null)[]]

const PULL_EVERY_MS = 500
/** A page of changes must come within a request's timeout. */
const PAGE = 250

export class SharedMap<Value> {
  readonly #options: SharedMapOptions<Value>
  readonly #names: MapNames
  #values = new Map<string, Value>()
  #epoch = ''
  #version = 0
  #currentAt = Number.NEGATIVE_INFINITY
  #pulling: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(options: SharedMapOptions<Value>) {
    this.#options = options
    this.#names = mapNames(options.prefix, options.name)
  }

  get(field: string): Value | undefined {
    return this.#values.get(field)
  }

  get size(): number {
    return this.#values.size
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
    // Of a map that is new to us nothing counts before all of it is here.
    let values = this.#values
    let epoch = this.#epoch
    let version = this.#version
    for (;;) {
      const changes = await this.#changes(version)
      if (changes === null) return
      const [current, entries] = changes
      if (current !== epoch) {
        values = new Map()
        epoch = current
        const isWhole = version === 0
        version = 0
        if (!isWhole) continue
      }
      for (let i = 0; i < entries.length; i += 3) this.#apply(values, entries[i]!, entries[i + 2] ?? null)
      if (entries.length > 0) version = Number(entries.at(-2))
      if (entries.length < PAGE * 3) break
    }
    this.#values = values
    this.#epoch = epoch
    this.#version = version
    this.#currentAt = askedAt
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

  #apply(values: Map<string, Value>, field: string, text: string | null): void {
    const value = text === null ? null : this.#options.read(text)
    if (value === null) values.delete(field)
    else values.set(field, value)
  }
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

/** Changes one field for all gateways; null removes it. */
export async function change(client: Redis, names: MapNames, [field, text]: [string, string | null]): Promise<void> {
  const { values, versions, head } = names
  await client.change(values, versions, head, field, text ?? '', randomBytes(8).toString('hex'))
}
