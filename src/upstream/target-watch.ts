/** What the traffic of this thread says about one target: its breaker and its ejections, and the timers that they need. */
import type { BreakerConfig, PassiveConfig } from '../config/resilience.ts'
import { Breaker, type BreakerState } from './breaker.ts'
import { type EjectionReason, type Outcome, PassiveHealth } from './health-passive.ts'

export interface WatchEvents {
  /** What it finds has changed. */
  turned(watch: TargetWatch): void
  /** By what this thread saw; what others told is no news. */
  breakerTurned(state: BreakerState): void
  /** Asked before an ejection: are there enough others? */
  mayEject(): boolean
  ejected(reason: EjectionReason, forMs: number): void
  readmitted(): void
  /** Nothing more is told. */
  closed(): void
}

export class TargetWatch {
  readonly #breaker: Breaker | null
  readonly #openMs: number
  readonly #passive: PassiveHealth | null
  readonly #events: WatchEvents
  #ejection: { readonly reason: EjectionReason; readonly timer: NodeJS.Timeout } | null = null
  /** Until an open breaker lets a trial through. */
  #opening: NodeJS.Timeout | undefined

  constructor(config: { breaker: BreakerConfig | null; passive: PassiveConfig | null }, events: WatchEvents) {
    const { breaker, passive } = config
    this.#events = events
    this.#breaker = breaker === null ? null : new Breaker(breaker, (state, isOwn) => this.#breakerTurned(state, isOwn))
    this.#openMs = breaker?.openMs ?? 0
    this.#passive = passive === null ? null : new PassiveHealth(passive)
  }

  /** Why it is ejected; null while it is not. */
  get ejection(): EjectionReason | null {
    return this.#ejection?.reason ?? null
  }

  get hasBreaker(): boolean {
    return this.#breaker !== null
  }

  get breaker(): BreakerState {
    return this.#breaker?.state(performance.now()) ?? 'closed'
  }

  /** Half-open, and its one trial is on its way. */
  get isTried(): boolean {
    return this.#breaker?.isTried ?? false
  }

  /** Milliseconds until the breaker lets a trial through. */
  get waitMs(): number {
    return this.#breaker?.waitMs(performance.now()) ?? 0
  }

  /** An attempt begins; what it gives settles it. */
  begin(): number {
    if (this.#breaker === null) return 0
    const begun = this.#breaker.begin()
    if (this.#breaker.isTried) this.#events.turned(this)
    return begun
  }

  settle(begun: number, outcome: Outcome): void {
    const now = performance.now()
    if (outcome === 'answered') this.#breaker?.succeeded(begun, now)
    else this.#breaker?.failed(begun, now)
    const reason = this.#passive?.note(outcome, now) ?? null
    if (reason !== null && this.#ejection === null && this.#events.mayEject()) this.#eject(reason, now)
  }

  /** The attempt ended without saying anything about the target. */
  cancel(begun: number): void {
    if (this.#breaker === null || !this.#breaker.isTried) return
    this.#breaker.cancelled(begun)
    this.#events.turned(this)
  }

  /** The breaker of another thread has turned. */
  heard(state: BreakerState): void {
    this.#breaker?.heard(state, performance.now())
  }

  #breakerTurned(state: BreakerState, isOwn: boolean): void {
    clearTimeout(this.#opening)
    // No reason to keep a process that is done. A little late, so that the breaker's own clock has passed it.
    if (state === 'open') this.#opening = setTimeout(() => this.#events.turned(this), this.#openMs + 1).unref()
    if (isOwn) this.#events.breakerTurned(state)
    this.#events.turned(this)
  }

  #eject(reason: EjectionReason, now: number): void {
    const passive = this.#passive!
    const ms = passive.eject(now)
    const readmit = () => {
      this.#ejection = null
      passive.readmit(performance.now())
      this.#events.readmitted()
      this.#events.turned(this)
    }
    this.#ejection = { reason, timer: setTimeout(readmit, ms).unref() }
    this.#events.ejected(reason, ms)
    this.#events.turned(this)
  }

  close(): void {
    clearTimeout(this.#opening)
    clearTimeout(this.#ejection?.timer)
    this.#ejection = null
    this.#events.closed()
  }
}
