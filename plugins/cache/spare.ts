/** A stored answer held ready for when the upstream fails (RFC 5861 §4). */
import type { Exchange, Reply, UpstreamFailure } from '#gateway'
import { type Forwarded, sayStandIn } from './cache-status.ts'
import type { Entry } from './entry.ts'
import { currentAge } from './freshness.ts'
import { answerFrom } from './hit.ts'
import type { CacheKey } from './key.ts'
import type { RequestView } from './request.ts'
import { mayStandIn } from './reuse.ts'
import type { CacheStore } from './store.ts'
import { isSameSelection } from './vary.ts'

export interface SpareParts {
  readonly entry: Entry
  readonly key: CacheKey
  readonly store: CacheStore
  readonly request: RequestView
  /** Why the request went on. */
  readonly forwarded: Forwarded
}

/** Statuses that say the resource is not what is kept of it, or not for this client: no failure after them brings it back. */
const refuting: ReadonlySet<number> = new Set([401, 403, 404, 410, 451])

export class Spare {
  /** It was given to the client. */
  used = false
  readonly #parts: SpareParts

  constructor(parts: SpareParts) {
    this.#parts = parts
  }

  /** Fills the reply, unless what is kept was purged, or became too old, while the upstream was waited for. */
  answer(exchange: Exchange, reply: Reply, failure: UpstreamFailure): boolean {
    const { store, request, forwarded } = this.#parts
    const entry = this.#current()
    if (entry === undefined) return false
    const age = currentAge(entry, Date.now())
    if (!mayStandIn(entry, request, age)) return false
    this.used = true
    store.touch(entry)
    answerFrom(entry, reply, { request, age })
    sayStandIn(reply, forwarded, failure.code === null ? failure.status : null)
    if (exchange.recording) exchange.decide('answer', 'stale-if-error', { ...failure, age: Math.floor(age / 1000) })
    return true
  }

  /** The upstream answered after all, with what is not kept: where it contradicts the stored answer, that is forgotten. */
  superseded(status: number): void {
    const entry = this.#current()
    const contradicts = refuting.has(status) || (status >= 200 && status < 400 && status !== 304)
    if (entry !== undefined && contradicts) this.#parts.store.forget(entry)
  }

  /** Another request may have brought a newer one meanwhile. */
  #current(): Entry | undefined {
    const { store, key, entry } = this.#parts
    return store.find(key).find((one) => isSameSelection(one.selection, entry.selection))
  }
}
