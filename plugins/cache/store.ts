/** Where answers are kept: in memory, bounded in bytes, the least recently used go first. */
import type { Purgeable } from '#gateway'
import { type Entry, sizeOf } from './entry.ts'
import type { CacheKey } from './key.ts'
import { RecencyList, type RecencyNode } from './recency.ts'
import { isSameSelection } from './vary.ts'

export interface CacheStore {
  /** Every variant kept under the key, newest first. */
  find(key: CacheKey): readonly Entry[]
  /** An entry was used: it goes last when room is needed. */
  touch(entry: Entry): void
  /** Keeps an entry in place of the variant it replaces. False: it is too large, or out of date already. */
  put(key: CacheKey, entry: Entry, stamp: number): boolean
  /** Forgets one entry. */
  forget(entry: Entry): void
  /** Forgets everything under a URI, whoever asked for it, and what is on its way there. Returns the number forgotten. */
  invalidate(uri: string): number
  /** Forgets what a purge means, and everything that is on its way here. Returns the number forgotten. */
  purge(isMeant: (kept: Purgeable) => boolean): number
  /** Changes when the URI is invalidated: an answer asked for before that is not to be kept after it. */
  stamp(uri: string): number
  /** Takes room for an answer that is arriving, or says that there is none. */
  reserve(bytes: number): boolean
  release(bytes: number): void
}

interface Kept extends RecencyNode {
  readonly key: CacheKey
  readonly entry: Entry
  readonly size: number
}

/** More variants than any honest Vary has; beyond it the oldest goes. */
const MAX_VARIANTS = 32
const STAMPS = 4096

export class MemoryStore implements CacheStore {
  readonly #maxBytes: number
  readonly #maxReserved: number
  /** URI → audience → variants, newest first. */
  readonly #resources = new Map<string, Map<string, Entry[]>>()
  readonly #kept = new Map<Entry, Kept>()
  readonly #recency = new RecencyList<Kept>()
  /** By a hash of the URI: a collision only costs an answer its place. */
  readonly #stamps = new Uint32Array(STAMPS)
  /** When a URI was last to be forgotten, likewise: milliseconds since the epoch. */
  readonly #forgottenAt = new Float64Array(STAMPS)
  #stored = 0
  #reserved = 0

  constructor(maxBytes: number, maxObject: number) {
    this.#maxBytes = maxBytes
    // Answers that trickle in must not push out everything that is stored.
    this.#maxReserved = Math.max(maxObject, maxBytes / 4)
  }

  /** Stored and arriving; never over the bound. */
  get bytes(): number {
    return this.#stored + this.#reserved
  }

  find(key: CacheKey): readonly Entry[] {
    return this.#resources.get(key.uri)?.get(key.audience) ?? nothing
  }

  touch(entry: Entry): void {
    const kept = this.#kept.get(entry)
    if (kept !== undefined) this.#recency.moveToFront(kept)
  }

  put(key: CacheKey, entry: Entry, stamp: number): boolean {
    if (this.stamp(key.uri) !== stamp) return false
    const before = this.find(key).find((one) => isSameSelection(one.selection, entry.selection))
    // A slower answer to an older question must not replace a newer one.
    if (before !== undefined && before.requestedAt > entry.requestedAt) return false
    const size = sizeOf(entry, key.uri.length + key.audience.length)
    if (size > this.#maxBytes) return false
    if (before !== undefined) this.forget(before)
    this.#makeRoom(size)
    this.#add({ key, entry, size, newer: null, older: null })
    return true
  }

  /** Keeps what another thread has kept, unless it was asked for before the URI was last to be forgotten here. */
  receive(key: CacheKey, entry: Entry): void {
    if (entry.requestedAt > this.#forgottenAt[bucket(key.uri)]!) this.put(key, entry, this.stamp(key.uri))
  }

  invalidate(uri: string): number {
    this.#stamps[bucket(uri)]!++
    this.#forgottenAt[bucket(uri)] = Date.now()
    const audiences = this.#resources.get(uri)
    if (audiences === undefined) return 0
    const entries = [...audiences.values()].flat()
    for (const entry of entries) this.forget(entry)
    return entries.length
  }

  purge(isMeant: (kept: Purgeable) => boolean): number {
    // What the answers on their way will be called is not known yet.
    for (let i = 0; i < STAMPS; i++) this.#stamps[i]!++
    this.#forgottenAt.fill(Date.now())
    let forgotten = 0
    for (const { key, entry } of [...this.#kept.values()]) {
      if (!isMeant({ route: entry.route, uri: key.uri, tags: entry.tags })) continue
      this.forget(entry)
      forgotten++
    }
    return forgotten
  }

  stamp(uri: string): number {
    return this.#stamps[bucket(uri)]!
  }

  reserve(bytes: number): boolean {
    if (this.#reserved + bytes > Math.min(this.#maxReserved, this.#maxBytes)) return false
    this.#makeRoom(bytes)
    this.#reserved += bytes
    return true
  }

  release(bytes: number): void {
    this.#reserved -= bytes
  }

  clear(): void {
    for (const entry of [...this.#kept.keys()]) this.forget(entry)
  }

  #add(kept: Kept): void {
    const { key, entry, size } = kept
    const audiences = this.#resources.get(key.uri) ?? new Map<string, Entry[]>()
    this.#resources.set(key.uri, audiences)
    const variants = audiences.get(key.audience)
    if (variants === undefined) audiences.set(key.audience, [entry])
    else variants.unshift(entry)
    this.#kept.set(entry, kept)
    this.#recency.addToFront(kept)
    this.#stored += size
    if (variants !== undefined && variants.length > MAX_VARIANTS) this.forget(variants.at(-1)!)
  }

  #makeRoom(bytes: number): void {
    while (this.bytes + bytes > this.#maxBytes) {
      const oldest = this.#recency.last
      if (oldest === null) return
      this.forget(oldest.entry)
    }
  }

  forget(entry: Entry): void {
    const kept = this.#kept.get(entry)
    if (kept === undefined) return
    const { key, size } = kept
    this.#kept.delete(entry)
    this.#recency.remove(kept)
    this.#stored -= size
    const audiences = this.#resources.get(key.uri)!
    const variants = audiences.get(key.audience)!
    variants.splice(variants.indexOf(entry), 1)
    if (variants.length > 0) return
    audiences.delete(key.audience)
    if (audiences.size === 0) this.#resources.delete(key.uri)
  }
}

const nothing: readonly Entry[] = Object.freeze([])

/** FNV-1a over UTF-16 units. */
function bucket(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return (value >>> 0) % STAMPS
}
