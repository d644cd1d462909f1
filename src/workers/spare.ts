/** A thread that has loaded its program and waits for a place to be free: loading takes most of the time in which one is replaced. */
import type { WorkerHandle } from './worker-handle.ts'

/** Loaded when everybody has had the time to begin. */
const CALM_MS = 2000

export class Spare {
  readonly #make: () => WorkerHandle
  #waiting: WorkerHandle | null = null
  #timer: NodeJS.Timeout | undefined

  constructor(make: () => WorkerHandle) {
    this.#make = make
  }

  /** A thread for a place: the one that waits, or one that begins to load. */
  take(): WorkerHandle {
    const waiting = this.#waiting
    this.#waiting = null
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#waiting = this.#make()
    }, CALM_MS).unref()
    return waiting === null || waiting.isOver ? this.#make() : waiting
  }

  async end(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#waiting?.terminate()
  }
}
