/** Whether a target takes requests: drained by the operator, found down by its checks, or cut off by its breaker. */

import type { BreakerState } from './breaker.ts'

export type { BreakerState }
/** Who found a target down: probes, or the traffic itself. */
export type HealthSource = 'active' | 'passive'

/** One target's flags, each set by one party alone. Outlives generations, and whatever else changes about the target. */
export class TargetState {
  readonly upstream: string
  /** The target as written in the file. */
  readonly url: string
  /** As the config that serves has it. */
  hasBreaker = false
  /** Neither drained, nor down, nor cut off. Kept ready, since every pick reads it. */
  eligible = true
  #draining = false
  #breaker: BreakerState = 'closed'
  #isTried = false
  #judge: object | null = null
  readonly #down: Record<HealthSource, string | null> = { active: null, passive: null }

  constructor(upstream: string, url: string) {
    this.upstream = upstream
    this.url = url
  }

  /** Gets no new requests, until the operator says otherwise; those it has finish. */
  get draining(): boolean {
    return this.#draining
  }

  set draining(draining: boolean) {
    this.#draining = draining
    this.#settle()
  }

  get breaker(): BreakerState {
    return this.#breaker
  }

  set breaker(breaker: BreakerState) {
    this.#breaker = breaker
    this.#settle()
  }

  /** Half-open, and the one request that may try it is on its way. */
  set isTried(isTried: boolean) {
    this.#isTried = isTried
    this.#settle()
  }

  /** Its breaker lets a request through. */
  get admits(): boolean {
    return this.#breaker !== 'open' && !this.#isTried
  }

  /** Who judges it by its traffic from now on, as the newest config says; what another found before is void. */
  judgedBy(judge: object | null): void {
    if (judge === this.#judge) return
    this.#judge = judge
    this.breaker = 'closed'
    this.isTried = false
    this.judge('passive', null)
  }

  isJudgedBy(judge: object): boolean {
    return judge === this.#judge
  }

  /** Its health checks find nothing wrong with it. */
  get up(): boolean {
    return this.reason === null
  }

  /** Why it is down; null while it is up. */
  get reason(): string | null {
    return this.#down.active ?? this.#down.passive
  }

  /** Sets what one source found: why the target is down, or null. */
  judge(source: HealthSource, reason: string | null): void {
    this.#down[source] = reason
    this.#settle()
  }

  #settle(): void {
    this.eligible = !this.#draining && this.admits && this.up
  }
}
