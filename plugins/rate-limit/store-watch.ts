/** Logs once when the counter store stops answering and once when it answers again, however many requests meet it. */
import type { Log } from '#gateway'

export class StoreWatch {
  readonly #log: Log
  readonly #item: string
  #failing = false

  constructor(log: Log, item: string) {
    this.#log = log
    this.#item = item
  }

  failed(error: unknown): void {
    if (this.#failing) return
    this.#failing = true
    this.#log.warn({ error, item: this.#item }, 'the counter store does not answer')
  }

  answered(): void {
    if (!this.#failing) return
    this.#failing = false
    this.#log.info({ item: this.#item }, 'the counter store answers again')
  }
}
