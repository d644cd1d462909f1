/** A config file, checked for a gateway that serves: loaded, compared with what it serves, its tests run where it asks for that. */
import { gzipSync } from 'node:zlib'
import type { Config } from '../config/config.ts'
import type { Diagnostic } from '../config/diagnostic.ts'
import type { Places } from '../config/document.ts'
import { type LoadedConfig, type LoadOptions, loadConfig, redactedSource } from '../config/load.ts'
import { type Prints, printsOf } from '../config/parts.ts'
import type { PluginCatalog } from '../config/plugin-catalog.ts'
import type { Interpolation } from '../config/secrets.ts'

/** What a file says that may be served. */
export interface Servable {
  readonly kind: 'servable'
  readonly config: Config
  readonly prints: Prints
  /** The text as it may be shown, in UTF-8 and gzip: hardly ever, and it may be long. */
  readonly redacted: Uint8Array
  readonly interpolated: readonly Interpolation[]
  /** Of plugin files as they were checked, by URL. */
  readonly digests: ReadonlyMap<string, string>
}

export type Verdict =
  | Servable
  | { readonly kind: 'refused'; readonly diagnostics: readonly Diagnostic[] }
  /** It is what is served. */
  | { readonly kind: 'unchanged' }

export interface Checked {
  readonly verdict: Verdict
  readonly warnings: readonly Diagnostic[]
  /** Absolute paths of the files that were read for it. */
  readonly files: readonly string[]
  readonly places: Places
}

export interface Question {
  readonly file: string
  readonly options: LoadOptions
  readonly served: Served | null
}

/** What is known of the config that is served. */
export interface Served {
  readonly hash: string
  /** Of its parts, which whoever asks can take over. Null: it cannot. */
  readonly prints: Prints | null
}

/** `tries`: lazy plugins are set up once, since whoever serves it leaves that to the first request. */
export async function check(
  { file, options, served }: Question,
  catalog: PluginCatalog,
  tries = false,
): Promise<Checked> {
  const loaded = await loadConfig(file, options, catalog)
  const { document, files, diagnostics } = loaded
  const refused = loaded.config === null
  const verdict = refused
    ? { kind: 'refused' as const, diagnostics }
    : await verdictOn(loaded, { served, catalog, tries })
  return { verdict, warnings: refused ? [] : diagnostics, files, places: document.places }
}

async function verdictOn(
  loaded: LoadedConfig,
  { served, catalog, tries }: { served: Served | null; catalog: PluginCatalog; tries: boolean },
): Promise<Verdict> {
  const { config, interpolated, document } = loaded
  if (config.hash === served?.hash) return { kind: 'unchanged' }
  if (tries) {
    const { refusedOptions } = await import('../explain/rehearsal.ts')
    const diagnostics = refusedOptions(loaded)
    if (diagnostics.length > 0) return { kind: 'refused', diagnostics }
  }
  if (config.reload.requireTests) {
    // Loaded where it is used: it brings all that decides about requests along.
    const { failuresOf } = await import('../explain/tests.ts')
    const diagnostics = await failuresOf(loaded)
    if (diagnostics.length > 0) return { kind: 'refused', diagnostics }
  }
  const redacted = gzipSync(redactedSource(document), { level: 1 })
  const shown = { redacted, interpolated }
  return { kind: 'servable', config, prints: printsOf(config), ...shown, digests: catalog.digests }
}
