/** Checks a gateway's file again and again: what is large, in a thread of its own, so that nobody who is served waits for it. */
import { statSync } from 'node:fs'
import type { LoadOptions } from '../config/load.ts'
import type { PluginCatalog } from '../config/plugin-catalog.ts'
import { CheckApart } from './apart.ts'
import { type Checked, check } from './checked.ts'

/** Reading so much takes some milliseconds, which is less than a thread takes to start. */
const LARGE_BYTES = 16 * 1024

export class ConfigLoader {
  readonly file: string
  readonly #options: LoadOptions
  readonly #catalog: PluginCatalog
  #apart: CheckApart | null = null

  constructor(file: string, options: LoadOptions, catalog: PluginCatalog) {
    this.file = file
    this.#options = options
    this.#catalog = catalog
  }

  /** `served`: hash of the config that is served; null where none is, and nobody can be held up. */
  async check(served: string | null): Promise<Checked> {
    const question = { file: this.file, options: this.#options, served }
    if (served === null || !isLarge(this.file)) return check(question, this.#catalog)
    this.#apart = new CheckApart(question, this.#catalog.digests)
    try {
      return await this.#apart.checked
    } finally {
      this.#apart = null
    }
  }

  /** Ends the check that is under way: the file is refused. */
  close(): void {
    this.#apart?.close()
  }
}

function isLarge(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LARGE_BYTES
}
