/**
 * Counter, histogram and gauge families: plain numbers and typed arrays that the hot path bumps, turned into text only
 * when a scrape asks. (prom-client hashes its labels at every observation: 291 ns measured, where this costs 9.)
 */
import { familyHead, labelText, numberText, sample } from './exposition.ts'
import type { CounterFamily, CounterSeries, GaugeFamily, HistogramFamily, HistogramSeries } from './instruments.ts'

interface Series {
  text(): string
}

interface Entry<S> {
  readonly values: readonly string[]
  readonly series: S
}

abstract class Family<S extends Series> {
  readonly name: string
  readonly labels: readonly string[]
  readonly help: string
  abstract readonly type: 'counter' | 'gauge' | 'histogram'
  /** By the label values as a JSON list: values joined with any separator could make two tuples one. */
  protected readonly entries = new Map<string, Entry<S>>()

  constructor(name: string, help: string, labels: readonly string[]) {
    this.name = name
    this.help = help
    this.labels = labels
  }

  head(): string {
    return familyHead(this.name, this.help, this.type)
  }

  all(): Iterable<Entry<S>> {
    return this.entries.values()
  }

  /** Drops the series whose value of `label` is none of `values`. */
  retain(label: string, values: ReadonlySet<string>): void {
    const at = this.labels.indexOf(label)
    if (at === -1) return
    for (const [key, entry] of this.entries) if (!values.has(entry.values[at]!)) this.entries.delete(key)
  }

  protected find(values: readonly string[], create: (labels: string) => S): S {
    const key = JSON.stringify(values)
    const known = this.entries.get(key)
    if (known !== undefined) return known.series
    if (values.length !== this.labels.length) {
      throw new Error(`${this.name} takes ${this.labels.length} label values, found ${values.length}`)
    }
    const series = create(labelText(this.labels, values))
    this.entries.set(key, { values, series })
    return series
  }
}

class Counter implements CounterSeries {
  #value = 0
  readonly #name: string
  readonly #labels: string

  constructor(name: string, labels: string) {
    this.#name = name
    this.#labels = labels
  }

  inc(by = 1): void {
    this.#value += by
  }

  text(): string {
    return sample(this.#name, this.#labels, this.#value)
  }
}

export class Counters extends Family<Counter> implements CounterFamily {
  readonly type = 'counter'

  series(...labels: string[]): CounterSeries {
    return this.find(labels, (text) => new Counter(this.name, text))
  }
}

class Histogram implements HistogramSeries {
  readonly #family: Histograms
  readonly #labels: string
  readonly #buckets: Float64Array
  /** Observations per bucket, not cumulated; the last is above every bound. */
  readonly #counts: Float64Array
  #sum = 0

  constructor(family: Histograms, labels: string) {
    this.#family = family
    this.#labels = labels
    this.#buckets = family.buckets
    this.#counts = new Float64Array(family.buckets.length + 1)
  }

  observe(value: number): void {
    const buckets = this.#buckets
    let i = 0
    while (i < buckets.length && value > buckets[i]!) i++
    this.#counts[i]!++
    this.#sum += value
  }

  text(): string {
    const { name, bounds } = this.#family
    const start = this.#labels === '' ? `${name}_bucket{le="` : `${name}_bucket{${this.#labels},le="`
    let lines = ''
    let count = 0
    for (let i = 0; i < bounds.length; i++) {
      count += this.#counts[i]!
      lines += `${start}${bounds[i]}"} ${count}\n`
    }
    return lines + sample(`${name}_sum`, this.#labels, this.#sum) + sample(`${name}_count`, this.#labels, count)
  }
}

export class Histograms extends Family<Histogram> implements HistogramFamily {
  readonly type = 'histogram'
  readonly buckets: Float64Array
  /** The buckets as `le` values, +Inf included. */
  readonly bounds: readonly string[]

  constructor(name: string, help: string, shape: { labels: readonly string[]; buckets: readonly number[] }) {
    super(name, help, shape.labels)
    this.buckets = Float64Array.from(shape.buckets)
    this.bounds = [...shape.buckets, Number.POSITIVE_INFINITY].map(numberText)
  }

  series(...labels: string[]): HistogramSeries {
    return this.find(labels, (text) => new Histogram(this, text))
  }
}

/** The present values of one gauge family, to be handed to another thread. */
export interface GaugeReading {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  readonly series: readonly { readonly values: readonly string[]; readonly value: number }[]
}

class Gauge {
  value = 0
  readonly #name: string
  readonly #labels: string

  constructor(name: string, labels: string) {
    this.#name = name
    this.#labels = labels
  }

  text(): string {
    return sample(this.#name, this.#labels, this.value)
  }
}

export class Gauges extends Family<Gauge> implements GaugeFamily {
  readonly type = 'gauge'
  #collect: ((gauge: GaugeFamily) => void) | undefined

  set(value: number, ...labels: string[]): void {
    this.find(labels, (text) => new Gauge(this.name, text)).value = value
  }

  /** The newest reader replaces the one before: a plugin compiled again does not add up. */
  readBy(collect: (gauge: GaugeFamily) => void): void {
    this.#collect = collect
  }

  /** The present values as lines. */
  text(): string {
    this.#read()
    return Array.from(this.entries.values(), ({ series }) => series.text()).join('')
  }

  reading(): GaugeReading {
    this.#read()
    const series = Array.from(this.entries.values(), ({ values, series: { value } }) => ({ values, value }))
    return { name: this.name, help: this.help, labels: this.labels, series }
  }

  /** With a reader, series that it does not set are gone. */
  #read(): void {
    if (this.#collect === undefined) return
    this.entries.clear()
    this.#collect(this)
  }
}
