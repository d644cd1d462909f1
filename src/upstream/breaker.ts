/**
 * The circuit breaker of one target: closed → open after too many failures → half-open (one trial at a time) → closed.
 * Pure: the clock is given, and whoever owns it is told of each change.
 */
import { RecentShare } from './recent-share.ts'

export type BreakerState = 'closed' | 'half-open' | 'open'

export interface BreakerSettings {
  /** So many in a row open it; so many within the window do if they are also `errorRatio` of its requests. */
  readonly failures: number
  readonly errorRatio: number
  readonly windowMs: number
  /** How long it stays open before a trial. */
  readonly openMs: number
}

export class Breaker {
  readonly #settings: BreakerSettings
  readonly #changed: (state: BreakerState, isOwn: boolean) => void
  readonly #recent: RecentShare
  /** Failures since the last success, and when the first of them was. */
  #row = 0
  #rowSince = 0
  #state: BreakerState = 'closed'
  #openUntil = 0
  #trial = false
  /** Grows with each change, so that an attempt of before says nothing about after. */
  #epoch = 0

  /** `changed` is told whether what it saw itself, or what it heard, made it change. */
  constructor(settings: BreakerSettings, changed: (state: BreakerState, isOwn: boolean) => void) {
    this.#settings = settings
    this.#changed = changed
    this.#recent = new RecentShare(settings.windowMs)
  }

  /** An open one whose time is over counts as half-open: the next request is its trial. */
  state(now: number): BreakerState {
    return this.#state === 'open' && now >= this.#openUntil ? 'half-open' : this.#state
  }

  /** Half-open, and the one request that tries the target is on its way. */
  get isTried(): boolean {
    return this.#trial
  }

  /** Whether a request may be sent now. */
  admits(now: number): boolean {
    if (this.#state === 'closed') return true
    return now >= this.#openUntil && !this.#trial
  }

  /** Milliseconds until a trial may be; 0 when one may be now. */
  waitMs(now: number): number {
    return this.#state === 'open' ? Math.max(0, this.#openUntil - now) : 0
  }

  /** A request is sent. Gives the number to settle it with. */
  begin(): number {
    if (this.#state === 'open') this.#turn('half-open')
    if (this.#state === 'half-open') this.#trial = true
    return this.#epoch
  }

  succeeded(begun: number, now: number): void {
    if (begun !== this.#epoch) return
    this.#row = 0
    if (this.#state === 'half-open') this.#close()
    else this.#recent.add(now)
  }

  failed(begun: number, now: number): void {
    if (begun !== this.#epoch) return
    if (this.#state === 'half-open' || this.#isTooMuch(now)) this.#open(now)
  }

  /** It ended without saying anything about the target: the client left, or it waited too long for a connection. */
  cancelled(begun: number): void {
    if (begun === this.#epoch) this.#trial = false
  }

  /** Another breaker of the same target has turned. While that one tries it, this one stays open, for as long again at most. */
  heard(state: BreakerState, now: number): void {
    if (state === 'closed') {
      if (this.#state !== 'closed') this.#close(false)
    } else if (state === 'open' || this.#state === 'open') this.#open(now, false)
  }

  #isTooMuch(now: number): boolean {
    const { failures, errorRatio, windowMs } = this.#settings
    if (this.#row === 0 || now - this.#rowSince > windowMs) {
      this.#row = 0
      this.#rowSince = now
    }
    this.#row++
    this.#recent.add(now)
    this.#recent.mark(now)
    if (this.#row >= failures) return true
    const failed = this.#recent.marked(now)
    return failed >= failures && failed >= errorRatio * this.#recent.all(now)
  }

  #open(now: number, isOwn = true): void {
    this.#openUntil = now + this.#settings.openMs
    this.#turn('open', isOwn)
  }

  #close(isOwn = true): void {
    this.#row = 0
    this.#recent.clear()
    this.#turn('closed', isOwn)
  }

  #turn(state: BreakerState, isOwn = true): void {
    this.#state = state
    this.#trial = false
    this.#epoch++
    this.#changed(state, isOwn)
  }
}
