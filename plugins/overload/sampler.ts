/** Looks four times a second at how the thread is doing; one for all overload plugins. A request reads only a flag. */
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks'

const EVERY_MS = 250
/** How often the delay is measured; what is measured includes it. */
const RESOLUTION_MS = 10

/** `eventLoopDelay` in milliseconds, `eventLoopUtilization` from 0 to 1, the others in bytes. */
export type Signal = 'eventLoopDelay' | 'eventLoopUtilization' | 'heap' | 'rss'

export interface Bound {
  readonly signal: Signal
  readonly max: number
}

/** Which bound was passed when it was last looked, and by what. */
export interface Passed extends Bound {
  readonly value: number
}

export interface Watch {
  readonly passed: Passed | null
}

interface Watched {
  readonly bounds: readonly Bound[]
  passed: Passed | null
}

export class Sampler {
  readonly #watches = new Set<Watched>()
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #timer: NodeJS.Timeout
  #utilization: EventLoopUtilization = performance.eventLoopUtilization()

  constructor() {
    this.#delays.enable()
    this.#timer = setInterval(() => this.#sample(), EVERY_MS).unref()
  }

  watch(bounds: readonly Bound[]): Watch {
    const watch = { bounds, passed: null }
    this.#watches.add(watch)
    return watch
  }

  forget(watch: Watch): void {
    this.#watches.delete(watch as Watched)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#delays.disable()
  }

  #sample(): void {
    const values = this.#values()
    for (const watch of this.#watches) {
      const bound = watch.bounds.find(({ signal, max }) => values[signal] > max)
      watch.passed = bound === undefined ? null : { ...bound, value: values[bound.signal] }
    }
  }

  #values(): Readonly<Record<Signal, number>> {
    const mean = this.#delays.count === 0 ? 0 : this.#delays.mean / 1e6
    this.#delays.reset()
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization)
    this.#utilization = now
    const { heapUsed, rss } = process.memoryUsage()
    return {
      eventLoopDelay: Math.max(0, mean - RESOLUTION_MS),
      eventLoopUtilization: utilization,
      heap: heapUsed,
      rss,
    }
  }
}
