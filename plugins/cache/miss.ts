/** A request that went on to the upstream, and what must be remembered of it to keep the answer. */
import type { Exchange } from '#gateway'
import { readAnswer } from './answer.ts'
import { type Unclaimed, unclaimed } from './claims.ts'
import { type Entry, entryWithoutBody } from './entry.ts'
import { Fill } from './fill.ts'
import type { CacheKey } from './key.ts'
import type { RequestView } from './request.ts'
import type { CacheStore } from './store.ts'
import { judge, type NotKept } from './storing.ts'
import { type FieldReader, keptFieldReader, select } from './vary.ts'

export interface KeepPolicy {
  /** The gateway's own lifetime for answers whose origin gives none. */
  readonly ttlMs: number | null
  /** How long past that answers may stand in for an upstream that fails, where their origin does not say. */
  readonly staleIfErrorMs: number | null
  /** Bytes of the largest body that is kept. */
  readonly maxObject: number
}

export interface MissPlace {
  readonly key: CacheKey
  readonly store: CacheStore
  /** Told of the entry when it is kept; null: nobody is. */
  readonly share: ((entry: Entry) => void) | null
}

export class Miss {
  readonly #key: CacheKey
  readonly #store: CacheStore
  readonly #request: RequestView
  readonly #unclaimed: Unclaimed
  readonly #fields: FieldReader
  /** Response header names that plugins above had set already: theirs, not the answer's. */
  readonly #preset: readonly string[]
  readonly #requestedAt = Date.now()
  readonly #stamp: number
  readonly #share: ((entry: Entry) => void) | null

  constructor(exchange: Exchange, request: RequestView, place: MissPlace) {
    this.#key = place.key
    this.#store = place.store
    this.#request = request
    // Now, before plugins below edit the request: a later lookup sees it from here.
    this.#unclaimed = unclaimed(exchange, request)
    this.#fields = keptFieldReader(exchange)
    this.#preset = exchange.reply.headers.raw.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
    this.#stamp = place.store.stamp(place.key.uri)
    this.#share = place.share
  }

  /** Begins to collect the answer that stands in the reply; null where it is not to be kept. */
  fillFrom(exchange: Exchange, policy: KeepPolicy): Fill | null {
    const { reply, facts } = exchange
    const { statusCode: status, headers, reason } = reply
    const answer = readAnswer(headers)
    const times = { requestedAt: this.#requestedAt, receivedAt: Date.now() }
    const request = this.#request
    const { ttlMs, staleIfErrorMs, maxObject } = policy
    const keeping = judge({ method: facts.method, status, request, answer, unclaimed: this.#unclaimed, ttlMs, times })
    if (typeof keeping === 'string') return notKept(exchange, keeping)
    if (answer.length !== null && answer.length > maxObject) return notKept(exchange, 'too-large')
    const entry = entryWithoutBody({
      status,
      reason,
      rawHeaders: headers.raw,
      preset: this.#preset,
      answer,
      keeping,
      selection: select(answer.vary ?? [], this.#fields),
      times,
      staleIfErrorMs,
      route: exchange.route?.name ?? '_none',
    })
    const place = { store: this.#store, key: this.#key, stamp: this.#stamp, share: this.#share }
    const fill = new Fill({ ...place, entry, length: answer.length, maxObject })
    exchange.responseTaps.push(fill)
    // However the exchange ends, the room it took is given back.
    exchange.onClose(() => fill.abort())
    return fill
  }
}

function notKept(exchange: Exchange, why: NotKept | 'too-large'): null {
  if (exchange.recording) exchange.decide('pass', 'not-kept', { why })
  return null
}
