/** One series of a family: cells that the hot path bumps, and those of other threads that are added when it is read. */
import type { CellPages, Cells } from './cells.ts'
import { numberText, sample } from './exposition.ts'
import type { CounterSeries, HistogramSeries } from './instruments.ts'

/** Cells of one series in all threads. */
abstract class Summed {
  protected readonly page: Float64Array
  protected readonly at: number
  readonly #size: number
  /** By thread; null where there is but one. */
  #others: Map<number, Cells> | null = null

  constructor({ page, at }: Cells, size: number) {
    this.page = page
    this.at = at
    this.#size = size
  }

  /** This thread's cells. */
  get cells(): Cells {
    return { page: this.page, at: this.at }
  }

  /** Adds what another thread counts in these cells. */
  adopt(thread: number, cells: Cells): void {
    this.release(thread)
    this.#others ??= new Map()
    this.#others.set(thread, cells)
  }

  /** The thread is gone: what it counted stays. */
  release(thread: number): void {
    const cells = this.#others?.get(thread)
    if (cells === undefined) return
    for (let i = 0; i < this.#size; i++) this.page[this.at + i]! += cells.page[cells.at + i]!
    this.#others!.delete(thread)
  }

  protected sum(cell: number): number {
    let sum = this.page[this.at + cell]!
    if (this.#others !== null) for (const { page, at } of this.#others.values()) sum += page[at + cell]!
    return sum
  }
}

export class Counter extends Summed implements CounterSeries {
  readonly #name: string
  readonly #labels: string

  constructor(family: { readonly name: string; readonly pages: CellPages }, labels: string) {
    super(family.pages.take(1), 1)
    this.#name = family.name
    this.#labels = labels
  }

  inc(by = 1): void {
    this.page[this.at]! += by
  }

  text(): string {
    return sample(this.#name, this.#labels, this.sum(0))
  }
}

export interface HistogramShape {
  readonly name: string
  readonly pages: CellPages
  readonly buckets: Float64Array
  /** The buckets as `le` values, +Inf included. */
  readonly bounds: readonly string[]
}

/** Observations per bucket, not cumulated, the last above every bound; then their sum. */
export class Histogram extends Summed implements HistogramSeries {
  readonly #family: HistogramShape
  readonly #buckets: Float64Array
  readonly #labels: string

  constructor(family: HistogramShape, labels: string) {
    const size = family.buckets.length + 2
    super(family.pages.take(size), size)
    this.#family = family
    this.#buckets = family.buckets
    this.#labels = labels
  }

  observe(value: number): void {
    const buckets = this.#buckets
    let i = 0
    while (i < buckets.length && value > buckets[i]!) i++
    this.page[this.at + i]!++
    this.page[this.at + buckets.length + 1]! += value
  }

  text(): string {
    const { name, bounds } = this.#family
    const start = this.#labels === '' ? `${name}_bucket{le="` : `${name}_bucket{${this.#labels},le="`
    let lines = ''
    let count = 0
    for (let i = 0; i < bounds.length; i++) {
      count += this.sum(i)
      lines += `${start}${bounds[i]}"} ${count}\n`
    }
    const sum = this.sum(bounds.length)
    return lines + sample(`${name}_sum`, this.#labels, sum) + sample(`${name}_count`, this.#labels, count)
  }
}

export function boundsOf(buckets: readonly number[]): readonly string[] {
  return [...buckets, Number.POSITIVE_INFINITY].map(numberText)
}
