/** Whether a target takes requests: drained by the operator, found down by its checks, or cut off by its breaker. */

export type BreakerState = 'closed' | 'half-open' | 'open'
/** Who found a target down: probes, or the traffic itself. */
export type HealthSource = 'active' | 'passive'

/** One target's flags, each set by one party alone. Outlives generations, and whatever else changes about the target. */
export class TargetState {
  readonly upstream: string
  /** The target as written in the file. */
  readonly url: string
  /** Neither drained, nor down, nor cut off. Kept ready, since every pick reads it. */
  eligible = true
  #draining = false
  #breaker: BreakerState = 'closed'
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
    this.eligible = !this.#draining && this.#breaker !== 'open' && this.up
  }
}
