/** What a thread tells another of the series it counts in: once per series, gathered, never per request. */
import type { Cells } from './cells.ts'
import type { FamilyShape } from './families.ts'

export interface Announcement {
  /** Declared since the last one. */
  readonly families: readonly FamilyShape[]
  /** Begun since the last one. */
  readonly series: readonly { readonly family: string; readonly values: readonly string[]; readonly cells: Cells }[]
}

/** Series in one message: reading it must not hold a thread up. */
const BATCH = 1000

export class Announcer {
  readonly #announce: (announcement: Announcement) => void
  #families: FamilyShape[] = []
  #series: Announcement['series'][number][] = []
  #scheduled = false

  constructor(announce: (announcement: Announcement) => void) {
    this.#announce = announce
  }

  family(shape: FamilyShape): void {
    this.#families.push(shape)
    this.#schedule()
  }

  readonly series = (family: string, values: readonly string[], cells: Cells): void => {
    this.#series.push({ family, values, cells })
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#tell()).unref()
  }

  #tell(): void {
    const families = this.#families.splice(0)
    const series = this.#series.splice(0, BATCH)
    this.#scheduled = false
    if (this.#series.length > 0) this.#schedule()
    this.#announce({ families, series })
  }
}
