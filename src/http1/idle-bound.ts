/**
 * How long an origin keeps idle connections, learned from those that it closes. Most origins keep their timeout to themselves,
 * and a request that crosses the close may have had its effect, or not. Pure: the clock is given, in milliseconds.
 */

/** Closes so near to each other are one event: the end of a timeout, or of the origin. */
const BURST_MS = 50
/** An origin that closes sooner has another reason than idleness. */
const SHORTEST_MS = 50
/** What was learned holds for one to two of these without being seen again. */
const MEMORY_MS = 600_000

interface Burst {
  readonly begun: number
  youngest: number
  oldest: number
}

export class IdleBound {
  /** A connection idle for longer than this may be closed by the time a request reaches the origin. Infinity: nobody knows. */
  safeMs = Infinity
  #burst: Burst | null = null
  /** The shortest ages of this stretch of memory, and of the one before. */
  #recent = Infinity
  #before = Infinity
  #since = 0

  /** The origin closed a connection that had been idle for `age`, and said nothing. */
  closed(age: number, time: number): void {
    this.#endBurst(time)
    this.#burst ??= { begun: time, youngest: age, oldest: age }
    this.#burst.youngest = Math.min(this.#burst.youngest, age)
    this.#burst.oldest = Math.max(this.#burst.oldest, age)
  }

  /** To be called now and then. `oldest` is the age of the connection that is idle longest; 0 where none is. */
  review(oldest: number, time: number): void {
    this.#endBurst(time)
    if (this.safeMs === Infinity) return
    const shortest = Math.min(this.#recent, this.#before)
    // Some origins look for idle connections once a second.
    if (oldest > 1.5 * shortest + 1000) this.#forget()
    else if (time - this.#since > MEMORY_MS) this.#turn(time)
  }

  /** An origin that stops closes all at once, whatever their ages: only alike ones tell of a timeout. */
  #endBurst(time: number): void {
    const burst = this.#burst
    if (burst === null || time - burst.begun < BURST_MS) return
    this.#burst = null
    const { youngest, oldest } = burst
    if (youngest < SHORTEST_MS || oldest - youngest > Math.max(20, youngest / 10)) return
    if (this.safeMs === Infinity) this.#since = time
    this.#recent = Math.min(this.#recent, youngest)
    this.#settle()
  }

  #turn(time: number): void {
    this.#since = time
    this.#before = this.#recent
    this.#recent = Infinity
    this.#settle()
  }

  #forget(): void {
    this.#recent = Infinity
    this.#before = Infinity
    this.#settle()
  }

  #settle(): void {
    const shortest = Math.min(this.#recent, this.#before)
    this.safeMs = shortest === Infinity ? Infinity : shortest - Math.min(1000, Math.max(50, shortest / 5))
  }
}
