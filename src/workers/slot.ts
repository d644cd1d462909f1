/** The place of one worker: keeps a thread in it, whatever becomes of the one before, and brings each up to date. */
import type { Log } from '../plugin.ts'
import type { Note, Place } from './messages.ts'
import type { WorkerHandle } from './worker-handle.ts'

/** A worker that ended so soon after its start that starting it again at once would help nobody. */
const SHORT_LIFE_MS = 60_000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 30_000
/** Nobody waits for a thread that comes later than this. */
const PATIENCE_MS = 1000

export interface SlotEvents {
  noted(slot: Slot, note: Note): void
  wrote(stream: 'stdout' | 'stderr', text: string): void
  /** A thread has loaded: has it serve what is served now. What this rejects with ends the thread. */
  started(slot: Slot): Promise<void>
  /** The thread is given up, and will be gone. */
  hung(slot: Slot): void
  /** The thread is gone, and not because it was told to. */
  lost(slot: Slot): void
}

export interface SlotParts {
  readonly place: Omit<Place, 'tally'>
  /** A thread that nobody uses. */
  nextThread(): WorkerHandle
  readonly log: Log
}

export class Slot {
  readonly id: number
  /** The generation that its thread serves; 0 while it serves none. */
  generation = 0
  readonly #parts: SlotParts
  readonly #events: SlotEvents
  #handle: WorkerHandle | null = null
  /** The last one, whatever has become of it. */
  #thread: WorkerHandle | null = null
  #tally = newTally()
  #settled = Promise.withResolvers<void>()
  #failures = 0
  #pause: { readonly timer: NodeJS.Timeout; readonly over: () => void } | null = null
  #leaving = false

  constructor(parts: SlotParts, events: SlotEvents) {
    this.id = parts.place.id
    this.#parts = parts
    this.#events = events
    void this.#live().finally(() => this.#settled.resolve())
  }

  /** The thread, once it can be called; null while there is none. */
  get handle(): WorkerHandle | null {
    return this.#handle
  }

  /** Its thread keeps the process from exiting. */
  get isStuck(): boolean {
    return this.#thread?.isStuck === true
  }

  /** Requests that its thread was given. */
  get requests(): number {
    return this.#tally[0]!
  }

  /** Resolves when the present attempt to start a thread has come to something, or to nothing. */
  get settled(): Promise<void> {
    return this.#settled.promise
  }

  /** No thread is started here any more. */
  leave(): void {
    this.#leaving = true
    if (this.#pause === null) return
    clearTimeout(this.#pause.timer)
    this.#pause.over()
  }

  async #live(): Promise<void> {
    while (!this.#leaving) {
      const bornAt = performance.now()
      const handle = this.#parts.nextThread()
      this.#thread = handle
      try {
        await this.#seat(handle)
        this.#handle = handle
        await this.#events.started(this)
      } catch (error) {
        this.#parts.log.error({ worker: this.id, error }, 'a worker cannot serve')
        this.#handle = null
        void handle.terminate()
      }
      this.#settled.resolve()
      const reason = await handle.ended
      this.#handle = null
      this.generation = 0
      if (this.#leaving) return
      this.#events.lost(this)
      const pauseMs = this.#pauseAfter(performance.now() - bornAt)
      this.#parts.log.error({ worker: this.id, reason, pauseMs }, 'a worker has ended: another takes its place')
      const next = Promise.withResolvers<void>()
      if (pauseMs <= PATIENCE_MS) this.#settled = next
      if (pauseMs > 0) await this.#rest(pauseMs)
      this.#settled = next
    }
  }

  #seat(handle: WorkerHandle): Promise<void> {
    this.#tally = newTally()
    const { place, log } = this.#parts
    return handle.take(
      { ...place, tally: this.#tally },
      {
        noted: (note) => this.#events.noted(this, note),
        wrote: (stream, text) => this.#events.wrote(stream, text),
        hangs: (reason) => this.#gaveUp(reason),
        cannotEnd: () =>
          log.error({ worker: this.id }, 'a worker cannot be ended: only a restart of the gateway helps'),
      },
    )
  }

  #gaveUp(reason: string): void {
    this.#handle = null
    this.generation = 0
    this.#parts.log.error({ worker: this.id, reason }, 'a worker hangs: it is ended')
    this.#events.hung(this)
  }

  /** Nothing after a long life, else twice as much each time. */
  #pauseAfter(lifeMs: number): number {
    this.#failures = lifeMs < SHORT_LIFE_MS ? this.#failures + 1 : 1
    if (this.#failures === 1) return 0
    return Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 2), LONGEST_PAUSE_MS)
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#pause = { timer: setTimeout(resolve, ms), over: resolve }
    })
  }
}

function newTally(): Float64Array {
  return new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT))
}
