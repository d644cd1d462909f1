/** What gateways share through a store outside of them. */
import type { CounterStore } from './counters.ts'

export interface FleetStore {
  readonly counters: CounterStore
  /** Resolves when it is known whether the store answers; never rejects. */
  readonly ready: Promise<void>
  /** The store answers in time. */
  readonly isUp: boolean
  /** Lets go of every connection. */
  close(): void
}
