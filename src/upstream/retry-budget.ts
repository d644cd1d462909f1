/** How many retries an upstream may be given: a share of its requests, so that its failure does not multiply its load. */
import { RecentShare } from './recent-share.ts'

const WINDOW_MS = 10_000

/** Where there is little traffic a share of it is nothing: so many retries a second are always allowed. */
const FLOOR_PER_SECOND = 3

export class RetryBudget {
  readonly #share: number
  /** All: requests. Marked: retries. */
  readonly #recent = new RecentShare(WINDOW_MS)
  readonly #second = new RecentShare(1000)

  constructor(share: number) {
    this.#share = share
  }

  request(now: number): void {
    this.#recent.add(now)
  }

  /** Takes one retry out of the budget; false when there is none left. */
  take(now: number): boolean {
    const isFree = this.#second.marked(now) < FLOOR_PER_SECOND
    if (!isFree && this.#recent.marked(now) >= this.#share * this.#recent.all(now)) return false
    this.#second.mark(now)
    this.#recent.mark(now)
    return true
  }
}
