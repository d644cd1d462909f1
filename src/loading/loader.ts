/** Checks a gateway's file again and again: what is large, in a process of its own, so that nobody who is served waits for it. */
import { statSync } from 'node:fs'
import type { LoadOptions } from '../config/load.ts'
import type { Parts, Prints } from '../config/parts.ts'
import type { PluginCatalog } from '../config/plugin-catalog.ts'
import { CheckApart } from './apart.ts'
import { type Checked, check, type Servable } from './checked.ts'

/** Reading so much takes some milliseconds, which is less than a process takes to start. */
const LARGE_BYTES = 16 * 1024

export class ConfigLoader {
  readonly file: string
  readonly #options: LoadOptions
  readonly #catalog: PluginCatalog
  #apart: CheckApart | null = null
  #served: { readonly hash: string; readonly prints: Prints | null; readonly parts: Parts } | null = null
  #tookOver = false

  constructor(file: string, options: LoadOptions, catalog: PluginCatalog) {
    this.file = file
    this.#options = options
    this.#catalog = catalog
  }

  /** Parts of what is served are taken over where the file says the same of them. */
  async check(): Promise<Checked> {
    const { hash, prints, parts } = this.#served ?? {}
    const served = hash === undefined ? null : { hash, prints: prints! }
    const question = { file: this.file, options: this.#options, served }
    const apart = served !== null && isLarge(this.file)
    this.#tookOver = apart && served.prints !== null
    // Where nothing is served, nobody can be held up.
    if (!apart) return check(question, this.#catalog)
    this.#apart = new CheckApart(question, { digests: this.#catalog.digests, parts: parts! })
    try {
      return await this.#apart.checked
    } finally {
      this.#apart = null
    }
  }

  /** What was checked is served from now on. */
  serves({ config, prints, parts, digests }: Servable): void {
    this.#catalog.learn(digests)
    this.#served = { hash: config.hash, prints, parts }
  }

  /** What was taken over may stand on other lines now: the next check takes nothing over. False: nor did the last one. */
  beginAfresh(): boolean {
    if (!this.#tookOver) return false
    this.#served = { ...this.#served!, prints: null }
    return true
  }

  /** Ends the check that is under way: the file is refused. */
  close(): void {
    this.#apart?.close()
  }
}

function isLarge(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LARGE_BYTES
}
