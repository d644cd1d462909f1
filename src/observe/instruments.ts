/** The metric instruments as everyone who counts sees them. Label values come from the config, so series are bounded. */

export interface CounterSeries {
  inc(by?: number): void
}

export interface HistogramSeries {
  observe(value: number): void
}

export interface CounterFamily {
  /** The series of these label values, in the order the family declares; kept by the caller where it is hot. */
  series(...labels: string[]): CounterSeries
}

export interface HistogramFamily {
  series(...labels: string[]): HistogramSeries
}

export interface GaugeFamily {
  set(value: number, ...labels: string[]): void
}

export interface Instruments {
  /** `name` without the `sluice_` prefix, ending in `_total`. Asking twice for one name gives the same family. */
  counter(name: string, help: string, labels?: readonly string[]): CounterFamily
  histogram(name: string, help: string, labels: readonly string[], buckets: readonly number[]): HistogramFamily
  /** `collect` runs at each scrape and sets what it finds; series not set then are gone. */
  gauge(name: string, help: string, labels?: readonly string[], collect?: (gauge: GaugeFamily) => void): GaugeFamily
}
