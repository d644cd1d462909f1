/** The place of one worker: keeps a thread in it, whatever becomes of the one before, and brings each up to date. */
import type { Log } from '../plugin.ts'
import type { Birth, Note } from './messages.ts'
import { WorkerHandle } from './worker-handle.ts'

/** A worker that ended so soon after its start that starting it again at once would help nobody. */
const SHORT_LIFE_MS = 60_000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 30_000

export interface SlotEvents {
  noted(slot: Slot, note: Note): void
  wrote(slot: Slot, stream: 'stdout' | 'stderr', text: string): void
  /** A thread has loaded: has it serve what is served now. What this rejects with ends the thread. */
  started(slot: Slot): Promise<void>
  /** The thread is gone, and not because it was told to. */
  lost(slot: Slot): void
}

export interface SlotParts {
  readonly birth: Omit<Birth, 'tally'>
  readonly heapMiB: number
  readonly log: Log
}

export class Slot {
  readonly id: number
  /** The generation that its thread serves; 0 while it serves none. */
  generation = 0
  readonly #parts: SlotParts
  readonly #events: SlotEvents
  #handle: WorkerHandle | null = null
  #tally = newTally()
  #settled = Promise.withResolvers<void>()
  #failures = 0
  #pause: { readonly timer: NodeJS.Timeout; readonly over: () => void } | null = null
  #leaving = false

  constructor(parts: SlotParts, events: SlotEvents) {
    this.id = parts.birth.id
    this.#parts = parts
    this.#events = events
    void this.#live()
  }

  /** The thread, once it can be called; null while there is none. */
  get handle(): WorkerHandle | null {
    return this.#handle
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
      const handle = this.#spawn()
      try {
        await handle.ready
        this.#handle = handle
        await this.#events.started(this)
      } catch (error) {
        this.#parts.log.error({ worker: this.id, error }, 'a worker cannot serve')
        await handle.terminate()
      }
      this.#settled.resolve()
      const reason = await handle.ended
      this.#handle = null
      this.generation = 0
      if (this.#leaving) return
      this.#events.lost(this)
      const pauseMs = this.#pauseAfter(performance.now() - bornAt)
      this.#parts.log.error({ worker: this.id, reason, pauseMs }, 'a worker has ended: another takes its place')
      if (pauseMs > 0) await this.#rest(pauseMs)
      this.#settled = Promise.withResolvers<void>()
    }
  }

  #spawn(): WorkerHandle {
    this.#tally = newTally()
    const { birth, heapMiB } = this.#parts
    return new WorkerHandle({ ...birth, tally: this.#tally }, heapMiB, {
      noted: (note) => this.#events.noted(this, note),
      wrote: (stream, text) => this.#events.wrote(this, stream, text),
    })
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
