/** Every metric of a thread, or of all threads together, and its rendering for Prometheus. */
import { setImmediate as turn } from 'node:timers/promises'
import { type Announcement, Announcer } from './announcement.ts'
import { CellPages } from './cells.ts'
import { Counters, type FamilyShape, Histograms } from './families.ts'
import { type GaugeReading, Gauges } from './gauges.ts'
import type { CounterFamily, GaugeFamily, HistogramFamily, Instruments } from './instruments.ts'
import { Roll } from './roll.ts'

const PREFIX = 'sluice_'

/** A scrape gives the loop back to requests after this long. */
const SLICE_MS = 2

type Family = Counters | Histograms | Gauges

/** A route or an upstream. */
interface Named {
  readonly name: string
}

export class Metrics implements Instruments {
  readonly #families = new Map<string, Family>()
  readonly #pages: CellPages
  readonly #announcer: Announcer | null

  /** `announce`: counts where other threads can read it, and tells them of what begins. */
  constructor(announce?: (announcement: Announcement) => void) {
    this.#pages = new CellPages({ shared: announce !== undefined })
    this.#announcer = announce === undefined ? null : new Announcer(announce)
  }

  counter(name: string, help: string, labels: readonly string[] = []): CounterFamily {
    if (!name.endsWith('_total')) throw new Error(`the counter ${name} must end in _total`)
    return this.#counting({ type: 'counter', name: PREFIX + name, help, labels, buckets: [] }) as Counters
  }

  histogram(name: string, help: string, labels: readonly string[], buckets: readonly number[]): HistogramFamily {
    return this.#counting({ type: 'histogram', name: PREFIX + name, help, labels, buckets }) as Histograms
  }

  gauge(
    name: string,
    help: string,
    labels: readonly string[] = [],
    collect?: (gauge: GaugeFamily) => void,
  ): GaugeFamily {
    if (name.endsWith('_total')) throw new Error(`the gauge ${name} must not end in _total`)
    const family = this.#gauges(PREFIX + name, help, labels)
    if (collect !== undefined) family.readBy(collect)
    return family
  }

  /** Drops the series of what the config, whose parts `named` are, no longer names. `_none` always stays. */
  retain(label: 'route' | 'upstream', named: Iterable<Named>): void {
    const steps = this.retaining(label, named)
    while (steps.next().done !== true);
  }

  /** The same in steps, for whoever has to give way between them. What there are series of is less than what has names. */
  *retaining(label: 'route' | 'upstream', named: Iterable<Named>): Generator<void> {
    const values = new Set<string>()
    for (const family of this.#families.values()) {
      for (const value of family.values(label)) {
        values.add(value)
        yield
      }
    }
    const known = new Roll([...values])
    known.mark('_none')
    for (const { name } of named) {
      known.mark(name)
      yield
    }
    const gone = known.unmarked
    if (gone.size > 0) for (const family of this.#families.values()) yield* family.dropping(label, gone)
  }

  /** The gauges as they are now. */
  gauges(): readonly GaugeReading[] {
    return [...this.#families.values()].flatMap((family) => (family instanceof Gauges ? [family.reading()] : []))
  }

  /** Replaces what is known of the gauges of other threads. */
  receive(readings: readonly GaugeReading[]): void {
    const together = Map.groupBy(readings, ({ name }) => name)
    for (const [name, [{ help, labels }]] of together as Map<string, [GaugeReading]>) this.#gauges(name, help, labels)
    for (const family of this.#families.values()) {
      if (!(family instanceof Gauges)) continue
      family.receive((together.get(family.name) ?? []).flatMap(({ series }) => series))
    }
  }

  /** Adds the series that another thread tells of to those of the same name. */
  adopt(thread: number, { families, series }: Announcement): void {
    for (const shape of families) this.#counting(shape)
    for (const { family, values, cells } of series) {
      const known = this.#families.get(family)
      if (known !== undefined && !(known instanceof Gauges)) known.adopt(thread, values, cells)
    }
  }

  /** Another thread is gone: what it counted stays. */
  release(thread: number): void {
    for (const family of this.#families.values()) if (!(family instanceof Gauges)) family.release(thread)
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
      if (family instanceof Gauges) {
        // In one go: the next scrape empties what this one reads.
        lines.push(family.text())
        continue
      }
      lines.push(family.head())
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
  }

  #gauges(name: string, help: string, labels: readonly string[]): Gauges {
    const known = this.#families.get(name)
    if (known === undefined) return this.#add(new Gauges(name, help, labels))
    if (known instanceof Gauges && String(known.labels) === String(labels)) return known
    throw alreadyDeclared(known)
  }

  #counting(shape: FamilyShape): Counters | Histograms {
    const known = this.#families.get(shape.name)
    if (known !== undefined) {
      const same = !(known instanceof Gauges) && known.shape.type === shape.type
      if (same && String(known.shape.labels) === String(shape.labels)) return known
      throw alreadyDeclared(known)
    }
    this.#announcer?.family(shape)
    const kind = shape.type === 'counter' ? Counters : Histograms
    return this.#add(new kind(shape, this.#pages, this.#announcer?.series))
  }

  #add<F extends Family>(family: F): F {
    if (!/^[a-z][a-z0-9_]*$/.test(family.name)) throw new Error(`"${family.name}" is no metric name`)
    this.#families.set(family.name, family)
    return family
  }
}

function alreadyDeclared(known: Family): Error {
  const { type, name, labels } = known instanceof Gauges ? { type: 'gauge', ...known } : known.shape
  return new Error(`${name} is already a ${type} with the labels ${labels.join(', ') || '(none)'}`)
}
