/** Lines by the time at which their requests came. The log has them by the time at which they ended. */
import type { Line } from './lines.ts'

/** A request that took longer than this many others is decided about out of its turn. */
const WINDOW = 8192

export interface TimedLine extends Line {
  /** Milliseconds since the epoch: when the request came. */
  readonly time: number
}

/** Lines wait as the bytes that were read: records of so many would outlive the garbage collector's patience. */
export class InOrder {
  #waiting: TimedLine[] = []

  /** The lines whose turn has come. */
  add(line: TimedLine): readonly TimedLine[] {
    this.#waiting.push(line)
    return this.#waiting.length < 2 * WINDOW ? none : this.#take(WINDOW)
  }

  rest(): readonly TimedLine[] {
    return this.#take(this.#waiting.length)
  }

  #take(count: number): readonly TimedLine[] {
    const sorted = this.#waiting.sort((one, other) => one.time - other.time || one.number - other.number)
    this.#waiting = sorted.slice(count)
    return sorted.slice(0, count)
  }
}

const none: readonly TimedLine[] = Object.freeze([])
