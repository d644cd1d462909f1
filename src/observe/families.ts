/**
 * Counter and histogram families: plain numbers that the hot path bumps, turned into text only when a scrape asks.
 * (prom-client hashes its labels at every observation: 291 ns measured, where this costs 9.)
 */
import type { CellPages, Cells } from './cells.ts'
import { familyHead, labelText } from './exposition.ts'
import type { CounterFamily, CounterSeries, HistogramFamily, HistogramSeries } from './instruments.ts'
import { dropping, valuesOf } from './labelled.ts'
import { boundsOf, Counter, Histogram } from './series.ts'

/** What makes two families of two threads the same. */
export interface FamilyShape {
  readonly type: 'counter' | 'histogram'
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  readonly buckets: readonly number[]
}

export interface Entry<S> {
  readonly values: readonly string[]
  readonly series: S
}

/** Told of each series that begins. */
export type SeriesListener = (family: string, values: readonly string[], cells: Cells) => void

abstract class Family<S extends Counter | Histogram> {
  readonly shape: FamilyShape
  readonly pages: CellPages
  readonly #began: SeriesListener | undefined
  /** By the label values as a JSON list: values joined with any separator could make two tuples one. */
  readonly #entries = new Map<string, Entry<S>>()

  constructor(shape: FamilyShape, pages: CellPages, began?: SeriesListener) {
    this.shape = shape
    this.pages = pages
    this.#began = began
  }

  get name(): string {
    return this.shape.name
  }

  head(): string {
    return familyHead(this.shape.name, this.shape.help, this.shape.type)
  }

  all(): Iterable<Entry<S>> {
    return this.#entries.values()
  }

  values(label: string): Iterable<string> {
    return valuesOf({ labels: this.shape.labels, entries: this.#entries }, label)
  }

  /** In steps. */
  dropping(label: string, gone: ReadonlySet<string>): Iterable<void> {
    return dropping({ labels: this.shape.labels, entries: this.#entries }, label, gone)
  }

  adopt(thread: number, values: readonly string[], cells: Cells): void {
    this.find(values).adopt(thread, cells)
  }

  release(thread: number): void {
    for (const { series } of this.#entries.values()) series.release(thread)
  }

  protected find(values: readonly string[]): S {
    const key = JSON.stringify(values)
    const known = this.#entries.get(key)
    if (known !== undefined) return known.series
    const { name, labels } = this.shape
    if (values.length !== labels.length) {
      throw new Error(`${name} takes ${labels.length} label values, found ${values.length}`)
    }
    const series = this.create(labelText(labels, values))
    this.#entries.set(key, { values, series })
    this.#began?.(name, values, series.cells)
    return series
  }

  protected abstract create(labels: string): S
}

export class Counters extends Family<Counter> implements CounterFamily {
  series(...labels: string[]): CounterSeries {
    return this.find(labels)
  }

  protected create(labels: string): Counter {
    return new Counter(this, labels)
  }
}

export class Histograms extends Family<Histogram> implements HistogramFamily {
  readonly buckets = Float64Array.from(this.shape.buckets)
  readonly bounds = boundsOf(this.shape.buckets)

  series(...labels: string[]): HistogramSeries {
    return this.find(labels)
  }

  protected create(labels: string): Histogram {
    return new Histogram(this, labels)
  }
}
