/** Why a gateway does not start or reload: always a list of diagnostics, and the file they speak of. */
import type { Diagnostic, Excerpts } from './config/diagnostic.ts'
import type { Places } from './config/document.ts'
import { CompileError } from './generation/compile-error.ts'
import { ThreadsError } from './workers/threads.ts'
import { WorkerEnded } from './workers/worker-handle.ts'

/** Starting failed: the file says why. */
export class ConfigError extends Error {
  readonly diagnostics: readonly Diagnostic[]
  readonly document: Excerpts

  constructor(diagnostics: readonly Diagnostic[], document: Excerpts) {
    const found = diagnostics.map(({ at, message }) => `${at.file}:${at.line}:${at.column} ${message}`)
    super(`the configuration has errors: ${found.join('; ')}`)
    this.diagnostics = diagnostics
    this.document = document
  }
}

/** It says where a route or a plugin stands. */
export function speaksOfParts(error: unknown): boolean {
  return error instanceof CompileError
}

/** What went wrong after the file itself was found right, as diagnostics. What nobody foresaw is thrown on. */
export function diagnosticsOf(error: unknown, places: Places): readonly Diagnostic[] {
  if (error instanceof CompileError) return error.diagnostics
  const found = (code: string, key: keyof Places = 'file'): readonly Diagnostic[] => {
    const { at, path } = places[key]
    return [{ code, severity: 'error', at, path, message: (error as Error).message }]
  }
  if (error instanceof ThreadsError) return found(error.code, 'threads')
  if (error instanceof WorkerEnded) return found('worker-ended')
  const { syscall } = error as NodeJS.ErrnoException
  // The system would not give an address: in use, not allowed, not ours, or a name that means none.
  if (syscall !== 'listen' && syscall !== 'bind' && syscall !== 'getaddrinfo') throw error
  return found('address-taken', 'listen')
}
