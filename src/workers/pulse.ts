/**
 * Whether the event loop of a worker still turns. The worker counts beats in shared memory; the supervisor looks at them, and
 * where there are none at the CPU time of the thread: one that the machine gives no time to is late, and does not hang.
 */

const BEAT_MS = 250
const LOOK_MS = 1000
/** CPU time without a beat: no turn of a gateway's loop has a reason to take so long. */
const MOST_TURN_MS = 5000
/**
 * Looks without a beat, whatever is spent: a thread that waits inside of a turn spends nothing. Looks and not seconds: while
 * the whole process is stopped, nobody looks.
 */
const MOST_LOOKS = 30
/** Looks without a beat after which a thread that shall end is not expected to do so by itself. */
const FEW_LOOKS = 2

export type Pulse = Int32Array

export function newPulse(): Pulse {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
}

/** The worker's part. */
export function beat(pulse: Pulse): void {
  setInterval(() => Atomics.add(pulse, 0, 1), BEAT_MS).unref()
}

export interface PulseWatchParts {
  readonly pulse: Pulse
  /** CPU time that the thread has used; may take for ever. */
  spentMs(): Promise<number>
  /** Once. */
  hangs(why: string): void
  readonly mostTurnMs?: number | undefined
  readonly lookMs?: number | undefined
}

/** The supervisor's part, from the start of a thread to its end. */
export class PulseWatch {
  readonly #parts: PulseWatchParts
  readonly #mostTurnMs: number
  readonly #timer: NodeJS.Timeout
  #beats = 0
  #looks = 0
  /** At the first look without a beat. */
  #spentThen: number | null = null
  #isAsking = false

  constructor(parts: PulseWatchParts) {
    this.#parts = parts
    this.#mostTurnMs = parts.mostTurnMs ?? MOST_TURN_MS
    this.#timer = setInterval(() => this.#look(), parts.lookMs ?? LOOK_MS).unref()
  }

  /** It has missed several beats. */
  get isStill(): boolean {
    return this.#looks >= FEW_LOOKS
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const beats = Atomics.load(this.#parts.pulse, 0)
    if (beats !== this.#beats) {
      this.#beats = beats
      this.#looks = 0
      this.#spentThen = null
      return
    }
    this.#looks++
    if (this.#looks >= MOST_LOOKS) this.#hangs(`its event loop has not turned for ${MOST_LOOKS} s`)
    else if (!this.#isAsking) void this.#askWhatItSpends(beats)
  }

  async #askWhatItSpends(beats: number): Promise<void> {
    this.#isAsking = true
    const spent = await this.#parts.spentMs().catch(() => null)
    this.#isAsking = false
    if (spent === null || Atomics.load(this.#parts.pulse, 0) !== beats) return
    this.#spentThen ??= spent
    if (spent - this.#spentThen < this.#mostTurnMs) return
    this.#hangs(`its event loop has not turned for ${this.#mostTurnMs / 1000} s of CPU time`)
  }

  #hangs(why: string): void {
    this.stop()
    this.#parts.hangs(why)
  }
}
