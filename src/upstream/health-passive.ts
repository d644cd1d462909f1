/**
 * What traffic says about a target: too many failures in a row, or too large a share of errors, eject it for a while,
 * and for longer each time. Pure: the clock is given; see target-watch.ts for the timer that lets it back in.
 */
import { RecentShare } from './recent-share.ts'

export interface PassiveSettings {
  /** Attempts in a row without an answer. */
  readonly failures: number
  /** Share of errors (no answer, or 500, 502, 503, 504) among the requests of the window. */
  readonly errorRatio: number
  /** Fewer requests in the window than this say nothing about a share. */
  readonly minRequests: number
  readonly windowMs: number
  /** How long the first ejection lasts; the next ones are longer by as much each. */
  readonly ejectionMs: number
  readonly maxEjectionMs: number
  /** Largest share of an upstream's targets that may be ejected at a time; one always may, where there are others. */
  readonly maxEjected: number
}

/** What an attempt said about its target. */
export type Outcome = 'answered' | 'error-status' | 'no-answer'

export type EjectionReason = 'no-answers' | 'error-ratio'

export class PassiveHealth {
  readonly #settings: PassiveSettings
  readonly #recent: RecentShare
  #row = 0
  #ejections = 0
  #returnedAt = 0

  constructor(settings: PassiveSettings) {
    this.#settings = settings
    this.#recent = new RecentShare(settings.windowMs)
  }

  /** Counts an attempt, and says whether its target has failed too much. */
  note(outcome: Outcome, now: number): EjectionReason | null {
    const { failures, errorRatio, minRequests } = this.#settings
    this.#recent.add(now)
    this.#row = outcome === 'no-answer' ? this.#row + 1 : 0
    if (outcome === 'answered') return null
    this.#recent.mark(now)
    if (this.#row >= failures) return 'no-answers'
    const requests = this.#recent.all(now)
    return requests >= minRequests && this.#recent.marked(now) >= errorRatio * requests ? 'error-ratio' : null
  }

  /** Begins an ejection and gives its length in milliseconds. Each that was survived in health makes the next shorter again. */
  eject(now: number): number {
    const { ejectionMs, maxEjectionMs } = this.#settings
    const forgiven = Math.floor((now - this.#returnedAt) / ejectionMs)
    this.#ejections = Math.max(0, this.#ejections - forgiven) + 1
    return Math.min(ejectionMs * this.#ejections, maxEjectionMs)
  }

  /** The ejection is over; what was before is forgotten. */
  readmit(now: number): void {
    this.#returnedAt = now
    this.#row = 0
    this.#recent.clear()
  }
}

/** Whether one more of `size` targets may be ejected while `ejected` are. */
export function mayEject({ maxEjected }: PassiveSettings, ejected: number, size: number): boolean {
  return ejected < size - 1 && ejected < Math.max(1, Math.floor(maxEjected * size))
}
