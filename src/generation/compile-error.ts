/** Why a config that is well-formed does not compile. */
import type { ChainItem } from '../config/config.ts'
import type { Diagnostic } from '../config/diagnostic.ts'

/** The config is well-formed, but a plugin or the system would not have it. */
export class CompileError extends Error {
  readonly diagnostics: readonly Diagnostic[]

  constructor(diagnostics: readonly Diagnostic[], cause?: unknown) {
    super('the config does not compile', { cause })
    this.diagnostics = diagnostics
  }
}

/** A plugin would not have the options of an item. */
export function refusal(item: ChainItem, error: unknown): CompileError {
  const message = `the plugin refused its options: ${error instanceof Error ? error.message : String(error)}`
  return new CompileError([{ code: 'plugin-failed', severity: 'error', at: item.at, path: item.id, message }], error)
}
