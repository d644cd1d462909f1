/** What the caches of a fleet keep for each other, behind this one's memory: asked on a miss, given what is kept. */
import { hash } from 'node:crypto'
import type { Exchange, FoundAnswer, SharedAnswers } from '#gateway'
import type { Entry } from './entry.ts'
import { currentAge } from './freshness.ts'
import type { CacheKey } from './key.ts'
import type { Found } from './lookup.ts'
import type { RequestView } from './request.ts'
import { decode, encode } from './shared-form.ts'
import type { CacheStore } from './store.ts'
import { fieldReader, type Selection, select } from './vary.ts'

export interface SecondTierOptions {
  readonly answers: SharedAnswers
  /** The item and its options: only where all of it is the same are answers shared. */
  readonly item: string
  readonly store: CacheStore
  readonly maxObject: number
}

export class SecondTier {
  readonly #options: SecondTierOptions

  constructor(options: SecondTierOptions) {
    this.#options = options
  }

  /** Whether it is worth waiting for. */
  mayKnow(exchange: Exchange, request: RequestView, found: Found): boolean {
    if (found.kind === 'hit' || found.key === null || exchange.dry || !this.#options.answers.isUp) return false
    if (request.directives.has('no-cache') || request.directives.has('no-store')) return false
    return found.why === 'uri-miss' || found.why === 'vary-miss' || found.why === 'stale'
  }

  /**
   * Brings into memory what the fleet has for the request. Resolves with what is to be told of an entry kept in its place;
   * null: the store did not answer. Never rejects.
   */
  fetch(exchange: Exchange, key: CacheKey): Promise<((entry: Entry) => void) | null> {
    const { answers, store } = this.#options
    const stampHere = store.stamp(key.uri)
    const read = fieldReader(exchange)
    const askedAt = Date.now()
    return new Promise((resolve) =>
      answers.find(this.#place(key), digests(exchange), (found) => {
        if (found === null) return resolve(null)
        const entry = this.#read(key, found, (names) => select(names, read))
        if (entry !== null) store.put(key, dated(entry, askedAt), stampHere)
        resolve((kept) => this.#keep(key, kept, found.stamp))
      }),
    )
  }

  forget(uri: string): void {
    this.#options.answers.forget(this.#resource(uri))
  }

  #read(key: CacheKey, found: FoundAnswer, selected: (names: readonly string[]) => Selection): Aging | null {
    if (found.bytes === null) return null
    const decoded = decode(found.bytes)
    if (decoded === null || decoded.body.length > this.#options.maxObject) return null
    const { head, body } = decoded
    const { digest, stamp, names, age, ttlMs, ...parts } = head
    const selection = selected(names)
    if (digest !== this.#digest(key, selection)) return null
    // By the store's clock alone: the nodes' own may be minutes apart.
    if (found.leftMs <= 0 || found.leftMs > ttlMs) return null
    if (found.isForgotten(stamp, { route: parts.route, uri: key.uri, tags: parts.tags })) return null
    return { ...parts, body, selection, age: age + ttlMs - found.leftMs }
  }

  #keep(key: CacheKey, entry: Entry, stamp: string): void {
    const { answers, maxObject } = this.#options
    const { body, selection, requestedAt: _, receivedAt, initialAge, ...parts } = entry
    const age = currentAge({ receivedAt, initialAge }, Date.now())
    const ttlMs = Math.min(Math.floor(entry.lifetime - age), answers.mostMs)
    if (ttlMs <= 0) return
    const names = selection.filter((_, i) => i % 2 === 0).map(String)
    const digest = this.#digest(key, selection)
    const bytes = encode({ ...parts, digest, stamp, names, age, ttlMs }, body)
    if (bytes.length > maxObject) return
    answers.keep(this.#place(key), { names, fields: valueDigests(selection), bytes, ttlMs })
  }

  #place({ uri, audience }: CacheKey): { resource: string; audience: string } {
    return { resource: this.#resource(uri), audience }
  }

  #resource(uri: string): string {
    return JSON.stringify([this.#options.item, uri])
  }

  #digest({ uri, audience }: CacheKey, selection: Selection): string {
    return hash('sha256', JSON.stringify([this.#options.item, uri, audience, selection]), 'base64url')
  }
}

/** An entry whose age is known, and not yet since when. */
type Aging = Omit<Entry, 'requestedAt' | 'receivedAt' | 'initialAge'> & { readonly age: number }

/** As if it had been asked for so long ago: an answer that this gateway got itself since is newer. The way here counts as age. */
function dated({ age, ...entry }: Aging, askedAt: number): Entry {
  return { ...entry, requestedAt: askedAt - age, receivedAt: askedAt, initialAge: age }
}

/** Digests of every request field that an answer may have been chosen by. */
function digests(exchange: Exchange): ReadonlyMap<string, string> {
  const { raw } = exchange.upstreamRequest.headers
  const names = new Set(identityFields)
  for (let i = 0; i < raw.length; i += 2) names.add(raw[i]!.toLowerCase())
  return valueDigests(select([...names], fieldReader(exchange)))
}

const identityFields: readonly string[] = ['x-consumer', 'x-consumer-source', 'x-consumer-groups']

function valueDigests(selection: Selection): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (let i = 0; i < selection.length; i += 2) {
    const value = selection[i + 1]
    if (typeof value === 'string') found.set(selection[i]!, hash('sha256', value, 'base64url'))
  }
  return found
}
