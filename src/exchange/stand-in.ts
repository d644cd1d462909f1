/** A plugin's offer to answer in place of an upstream that fails, and its place in the chain. */
import type { ProblemCode } from '../problem.ts'
import type { Exchange, RunningItem } from './exchange.ts'

/** How the upstream failed, after every retry and the fallback. */
export interface UpstreamFailure {
  /** What the client would get: 500, 502, 503 or 504. */
  readonly status: number
  /** The code of the problem; null where the upstream itself answered with the status. */
  readonly code: ProblemCode | null
}

/** Fills the reply and says true, or leaves it as it is and says false. What it throws is the answer. */
export type StandInAnswer = (failure: UpstreamFailure) => boolean

export class StandIn {
  readonly #exchange: Exchange
  readonly #answer: StandInAnswer
  readonly #running: RunningItem
  readonly #reached: number

  constructor(exchange: Exchange, answer: StandInAnswer) {
    this.#exchange = exchange
    this.#answer = answer
    this.#running = exchange.running
    this.#reached = exchange.reached
  }

  /** Whether the plugin has filled the reply. Then response hooks run from it up: those below it have seen no answer. */
  answers(failure: UpstreamFailure): boolean {
    const exchange = this.#exchange
    exchange.running = this.#running
    if (!this.#answer(failure)) return false
    exchange.reached = this.#reached
    return true
  }
}
