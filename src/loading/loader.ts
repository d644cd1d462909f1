/** Checks a gateway's file again and again: what is large, in a process of its own, so that nobody who is served waits for it. */
import { statSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { Diagnostic, Excerpts } from '../config/diagnostic.ts'
import { type LoadOptions, loadConfig } from '../config/load.ts'
import type { PluginCatalog } from '../config/plugin-catalog.ts'
import { type Checked, check, type Question, type Servable, type Served } from './checked.ts'
import { Readers } from './readers.ts'

/** Reading so much takes some milliseconds, which is less than a process takes to start. */
const LARGE_BYTES = 16 * 1024

export class ConfigLoader {
  readonly file: string
  readonly #options: LoadOptions
  readonly #catalog: PluginCatalog
  readonly #readers = new Readers()
  #served: (Served & { readonly config: Config }) | null = null
  #tookOver = false
  /** Read for the last check. */
  #files: readonly string[] = []

  constructor(file: string, options: LoadOptions, catalog: PluginCatalog) {
    this.file = file
    this.#options = options
    this.#catalog = catalog
  }

  /** Parts of what is served are taken over where the file says the same of them. */
  async check(): Promise<Checked> {
    const { hash, prints = null, config = null } = this.#served ?? {}
    const question = { file: this.file, options: this.#options, served: hash === undefined ? null : { hash, prints } }
    const apart = isLarge(this.file)
    this.#tookOver = apart && prints !== null
    const checked = await (apart ? this.#checkApart(question, config) : check(question, this.#catalog))
    this.#files = checked.files
    return checked
  }

  async #checkApart(question: Question, config: Config | null): Promise<Checked> {
    try {
      return await this.#readers.check(question, { digests: this.#catalog.digests, config })
    } catch (error) {
      // Where nothing is served, nobody is held up.
      return question.served === null ? check(question, this.#catalog) : this.#refused(question, error as Error)
    }
  }

  /** It names the files that the last one did: a change to any of them is still a reason to read again. */
  #refused({ file, options }: Question, error: Error): Checked {
    const place = { path: '', at: { file: options.shownAs ?? file, line: 1, column: 1, endColumn: 2 } }
    const message = `the process that reads the file has ended: ${error.message}`
    const diagnostics: Diagnostic[] = [{ code: 'worker-ended', severity: 'error', ...place, message }]
    const places = { file: place, threads: place, listen: place }
    return { verdict: { kind: 'refused', diagnostics }, warnings: [], files: this.#files, places }
  }

  /** The file as it may be shown, for who is told why it is not served. It is read again: who serves needs none of that. */
  async excerpts(): Promise<Excerpts> {
    const { document } = await loadConfig(this.file, this.#options, this.#catalog)
    return document
  }

  /** What was checked is served from now on. */
  serves({ config, prints, digests }: Servable): void {
    this.#catalog.learn(digests)
    this.#served = { hash: config.hash, prints, config }
  }

  /** What was taken over may stand on other lines now: the next check takes nothing over. False: nor did the last one. */
  beginAfresh(): boolean {
    if (!this.#tookOver) return false
    this.#served = { ...this.#served!, prints: null }
    return true
  }

  /** Ends the check that is under way: the file is refused. */
  close(): Promise<void> {
    return this.#readers.close()
  }
}

function isLarge(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LARGE_BYTES
}
