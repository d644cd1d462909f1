/** Gauges: set when something changes or read at each scrape, and put together with those of other threads. */
import { familyHead, labelText, sample } from './exposition.ts'
import type { GaugeFamily } from './instruments.ts'
import { dropping, valuesOf } from './labelled.ts'

/** The present values of one gauge family, to be handed to another thread. */
export interface GaugeReading {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  readonly series: readonly GaugeValue[]
}

interface GaugeValue {
  readonly values: readonly string[]
  readonly value: number
}

export class Gauges implements GaugeFamily {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  #own = new Map<string, GaugeValue>()
  #others: readonly GaugeValue[] = []
  #collect: ((gauge: GaugeFamily) => void) | undefined

  constructor(name: string, help: string, labels: readonly string[]) {
    this.name = name
    this.help = help
    this.labels = labels
  }

  set(value: number, ...values: string[]): void {
    if (values.length !== this.labels.length) {
      throw new Error(`${this.name} takes ${this.labels.length} label values, found ${values.length}`)
    }
    this.#own.set(JSON.stringify(values), { values, value })
  }

  /** The newest reader replaces the one before: a plugin compiled again does not add up. */
  readBy(collect: (gauge: GaugeFamily) => void): void {
    this.#collect = collect
  }

  values(label: string): Iterable<string> {
    return valuesOf({ labels: this.labels, entries: this.#own }, label)
  }

  /** In steps. */
  dropping(label: string, gone: ReadonlySet<string>): Iterable<void> {
    return dropping({ labels: this.labels, entries: this.#own }, label, gone)
  }

  /** Replaces what was known of other threads. */
  receive(others: readonly GaugeValue[]): void {
    this.#others = others
  }

  /** The present values. With a reader, series that it does not set are gone. */
  reading(): GaugeReading {
    if (this.#collect !== undefined) {
      this.#own.clear()
      this.#collect(this)
    }
    const { name, help, labels } = this
    return { name, help, labels, series: [...this.#together().values()] }
  }

  text(): string {
    const { name, help, labels, series } = this.reading()
    const lines = series.map(({ values, value }) => sample(name, labelText(labels, values), value))
    return familyHead(name, help, 'gauge') + lines.join('')
  }

  #together(): ReadonlyMap<string, GaugeValue> {
    if (this.#others.length === 0) return this.#own
    const all = new Map(this.#own)
    for (const { values, value } of this.#others) {
      const key = JSON.stringify(values)
      const known = all.get(key)
      all.set(key, { values, value: known === undefined ? value : together(this.name, known.value, value) })
    }
    return all
  }
}

/** What two threads say of one thing: amounts add up, verdicts and moments do not. */
function together(name: string, one: number, other: number): number {
  if (/_up$/.test(name)) return Math.min(one, other)
  return /_(timestamp_seconds|state|info|successful)$/.test(name) ? Math.max(one, other) : one + other
}
