/** Answers that caches of several gateways share: the seam behind the cache's second tier. Knows bytes, not HTTP. */
import type { Purgeable } from './purges.ts'

export interface SharedAnswers {
  /** The longest anything is kept, in milliseconds. */
  readonly mostMs: number
  /** Whether it is worth asking at all. */
  readonly isUp: boolean
  /** Calls back with what is kept there for a request with these fields; null: the store did not say. */
  find(place: AnswerPlace, fields: ReadonlyMap<string, string>, done: (found: FoundAnswer | null) => void): void
  /** Nobody waits for it, and it may come to nothing. */
  keep(place: AnswerPlace, answer: KeptAnswer): void
  /** Forgets everything under a resource, and what is on its way there. */
  forget(resource: string): void
}

/** Both are hashed before they leave the process. */
export interface AnswerPlace {
  readonly resource: string
  /** Whom answers are for. */
  readonly audience: string
}

export interface FoundAnswer {
  /** To be kept with an answer that is asked for from now on. */
  readonly stamp: string
  readonly bytes: Buffer | null
  /** Milliseconds that the store goes on keeping it, by the store's clock. */
  readonly leftMs: number
  /** Whether an answer kept with this stamp was to be forgotten since. */
  isForgotten(stamp: string, kept: Purgeable): boolean
}

export interface KeptAnswer {
  /** The request fields that chose it, each with the value's digest; without those that were absent. */
  readonly names: readonly string[]
  readonly fields: ReadonlyMap<string, string>
  readonly bytes: Buffer
  readonly ttlMs: number
}
