/** Which requests a cache might have answered: the same key was asked for within the time that its answers are kept. */

/** Keys remembered at a time; the oldest go first. */
const MOST_KEYS = 200_000

export class PossibleHits {
  readonly #asked = new Map<string, number>()

  /** `keptMs`: how long answers are kept where the origin says nothing. */
  ask(key: string, time: number, keptMs: number): boolean {
    const since = this.#asked.get(key)
    if (since !== undefined && time - since < keptMs) return true
    this.#asked.delete(key)
    this.#asked.set(key, time)
    if (this.#asked.size > MOST_KEYS) this.#asked.delete(this.#asked.keys().next().value!)
    return false
  }
}
