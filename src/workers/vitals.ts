/** How each worker is doing, beyond what it serves: read when somebody asks. */
import type { Metrics } from '../observe/metrics.ts'
import type { Slot } from './slot.ts'
import { within } from './within.ts'

/** How long a scrape waits for a worker; it does without what does not come. One that hangs may never say how much memory it uses. */
export const READING_MS = 1000

interface Reading {
  readonly worker: string
  readonly busy: number
  readonly heapBytes: number
}

export class Vitals {
  #readings: readonly Reading[] = []

  constructor(metrics: Metrics) {
    metrics.gauge(
      'worker_event_loop_utilization',
      'Share of the time since the last scrape in which the event loop of a worker was busy.',
      ['worker'],
      (gauge) => {
        for (const { worker, busy } of this.#readings) gauge.set(busy, worker)
      },
    )
    metrics.gauge(
      'worker_heap_used_bytes',
      'Memory that the JavaScript heap of a worker uses.',
      ['worker'],
      (gauge) => {
        for (const { worker, heapBytes } of this.#readings) gauge.set(heapBytes, worker)
      },
    )
  }

  async refresh(slots: readonly Slot[]): Promise<void> {
    const readings = await Promise.allSettled(
      slots.map(async ({ id, handle }) =>
        handle === null ? null : { worker: String(id), ...(await within(READING_MS, handle.vitals())) },
      ),
    )
    this.#readings = readings.flatMap((reading) => (reading.status === 'fulfilled' ? (reading.value ?? []) : []))
  }
}
