/** Every metric of the gateway, and its rendering for Prometheus. Node's own metrics come from prom-client. */
import { setImmediate as turn } from 'node:timers/promises'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { Counters, type GaugeReading, Gauges, Histograms } from './families.ts'
import type { CounterFamily, GaugeFamily, HistogramFamily, Instruments } from './instruments.ts'

const PREFIX = 'sluice_'

/** A scrape gives the loop back to requests after this long. */
const SLICE_MS = 2

// Gauges that prom-client names like counters: `promtool check metrics` refuses them.
const REFUSED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

type Family = Counters | Histograms | Gauges

export class Metrics implements Instruments {
  readonly #families = new Map<string, Family>()
  readonly #node = new Registry()

  constructor() {
    collectDefaultMetrics({ register: this.#node })
    for (const name of REFUSED) this.#node.removeSingleMetric(name)
  }

  get contentType(): string {
    return this.#node.contentType
  }

  counter(name: string, help: string, labels: readonly string[] = []): CounterFamily {
    if (!name.endsWith('_total')) throw new Error(`the counter ${name} must end in _total`)
    return this.#declare(Counters, new Counters(PREFIX + name, help, labels))
  }

  histogram(name: string, help: string, labels: readonly string[], buckets: readonly number[]): HistogramFamily {
    return this.#declare(Histograms, new Histograms(PREFIX + name, help, { labels, buckets }))
  }

  gauge(
    name: string,
    help: string,
    labels: readonly string[] = [],
    collect?: (gauge: GaugeFamily) => void,
  ): GaugeFamily {
    if (name.endsWith('_total')) throw new Error(`the gauge ${name} must not end in _total`)
    const family = this.#declare(Gauges, new Gauges(PREFIX + name, help, labels))
    if (collect !== undefined) family.readBy(collect)
    return family
  }

  /** Drops the series of what the config no longer names. `_none` always stays. */
  retain(label: 'route' | 'upstream', values: ReadonlySet<string>): void {
    const kept = new Set([...values, '_none'])
    for (const family of this.#families.values()) family.retain(label, kept)
  }

  /** The gauges as they are now. */
  gauges(): readonly GaugeReading[] {
    return [...this.#families.values()].flatMap((family) => (family instanceof Gauges ? [family.reading()] : []))
  }

  /** The exposition, whole. */
  async text(): Promise<string> {
    return (await Array.fromAsync(this.pieces())).join('')
  }

  /** The exposition piece by piece: joining and encoding 10,000 series at once would hold every request up for 15 ms. */
  async *pieces(): AsyncGenerator<string> {
    let lines: string[] = []
    let sliceEnd = performance.now() + SLICE_MS
    for (const family of this.#families.values()) {
      lines.push(family.head())
      if (family instanceof Gauges) {
        // In one go: the next scrape empties what this one reads.
        lines.push(family.text())
        continue
      }
      for (const { series } of family.all()) {
        lines.push(series.text())
        if (performance.now() < sliceEnd) continue
        yield lines.join('')
        lines = []
        await turn()
        sliceEnd = performance.now() + SLICE_MS
      }
    }
    yield lines.join('')
    yield await this.#node.metrics()
  }

  /** The family of this name: the one declared before, if it is the same. */
  #declare<F extends Family>(kind: new (...args: never[]) => F, family: F): F {
    const known = this.#families.get(family.name)
    if (known === undefined) {
      if (!/^[a-z][a-z0-9_]*$/.test(family.name)) throw new Error(`"${family.name}" is no metric name`)
      this.#families.set(family.name, family)
      return family
    }
    if (known instanceof kind && String(known.labels) === String(family.labels)) return known
    throw new Error(`${family.name} is already a ${known.type} with the labels ${known.labels.join(', ') || '(none)'}`)
  }
}
