/** One at a time, and never one that began too early: who asks during a turn is given the next one, shared by all who ask. */

export class Turns<Result> {
  readonly #take: () => Promise<Result>
  #running: Promise<Result> | null = null
  #next: Promise<Result> | null = null

  constructor(take: () => Promise<Result>) {
    this.#take = take
  }

  /** Resolves with the result of a turn that began after this call. */
  ask(): Promise<Result> {
    if (this.#running === null) {
      this.#running = this.#take().finally(() => {
        this.#running = null
      })
      return this.#running
    }
    this.#next ??= this.#running.then(
      () => this.#afterThis(),
      () => this.#afterThis(),
    )
    return this.#next
  }

  /** Resolves when the present turn is over, however it ends. */
  get settled(): Promise<void> {
    return Promise.resolve(this.#running).then(
      () => {},
      () => {},
    )
  }

  #afterThis(): Promise<Result> {
    this.#next = null
    return this.ask()
  }
}
