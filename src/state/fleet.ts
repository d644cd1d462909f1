/** What gateways share through a store outside of them. */
import type { CounterStore } from './counters.ts'
import type { Purge } from './purges.ts'
import type { SharedAnswers } from './shared-answers.ts'

export interface FleetStore {
  readonly counters: CounterStore
  readonly keys: KeyDirectory
  /** For caches; connects when it is first looked at. */
  readonly answers: SharedAnswers
  /** Tells all gateways of the fleet, this one too. False: it could not be told. */
  purge(purge: Purge): Promise<boolean>
  /** Resolves when it is known whether the store answers; never rejects. */
  readonly ready: Promise<void>
  /** The store answers in time. */
  readonly isUp: boolean
  /** Lets go of every connection. */
  close(): void
}

/** An API key that is not in the file. */
export interface StoredKey {
  readonly consumer: string
  /** Undefined: those that the file gives the consumer, if it knows it. */
  readonly groups: readonly string[] | undefined
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly expires: number | undefined
}

export interface KeyDirectory {
  /** What is held here can be relied on: it is current, or was not long ago. */
  readonly isKnown: boolean
  /** `hash`: hex of SHA-256 of the key. */
  byHash(hash: string): StoredKey | undefined
}
