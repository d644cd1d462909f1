/** Records by the time at which their requests came. The log has them by the time at which they ended. */
import type { LogRecord } from './record.ts'

/** A request that took longer than this many others is decided about out of its turn. */
const WINDOW = 8192

export class InOrder {
  #waiting: LogRecord[] = []

  /** The records whose turn has come. */
  add(record: LogRecord): readonly LogRecord[] {
    this.#waiting.push(record)
    return this.#waiting.length < 2 * WINDOW ? none : this.#take(WINDOW)
  }

  rest(): readonly LogRecord[] {
    return this.#take(this.#waiting.length)
  }

  #take(count: number): readonly LogRecord[] {
    const sorted = this.#waiting.sort((one, other) => one.time - other.time || one.line - other.line)
    this.#waiting = sorted.slice(count)
    return sorted.slice(0, count)
  }
}

const none: readonly LogRecord[] = Object.freeze([])
