/** `${env:NAME}`, `${env:NAME:-default}` and `${file:path}` in string values; `$${` stands for itself. */
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

export interface SecretSources {
  readonly env: NodeJS.ProcessEnv
  /** Where relative file paths start. */
  readonly folder: string
}

/** A text of the file before and after its placeholders were filled in. */
export interface Interpolation {
  readonly written: string
  readonly value: string
}

/** Shorter values are parts of words. */
const SHORTEST_CONCEALED = 3

/** Makes a function that shows what placeholders stood for as the placeholders, wherever it stands in a text. */
export function concealer(interpolated: readonly Interpolation[]): (text: string) => string {
  const concealed = interpolated
    .filter(({ value }) => value.length >= SHORTEST_CONCEALED)
    .toSorted((one, other) => other.value.length - one.value.length)
  if (concealed.length === 0) return (text) => text
  return (text) => concealed.reduce((shown, { written, value }) => shown.replaceAll(value, () => written), text)
}

/** `problem` names the placeholder as written, never a value. */
export type Interpolated =
  | { readonly value: string }
  | { readonly problem: string; readonly code: 'bad-placeholder' | 'missing-secret' }

/** A file that holds one secret is small; the bound keeps a wrong path from filling memory. */
const MOST_BYTES = 1024 ** 2
const placeholder = /\$\$\{|\$\{([^}]*)(\}?)/g

export function hasPlaceholder(text: string): boolean {
  return text.includes('${')
}

/** Nothing but a placeholder, so that it may be shown where its value may not. A default may itself be a secret. */
export function isPlaceholder(text: string): boolean {
  return /^\$\{(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\}$/.test(text)
}

/** The text with its placeholders filled in. */
export function interpolate(text: string, sources: SecretSources): Interpolated {
  let failure: Interpolated | undefined
  const value = text.replaceAll(placeholder, (_written, inner: string | undefined, closing: string | undefined) => {
    if (inner === undefined) return '${'
    const found: Interpolated =
      closing === '}' ? lookUp(inner, sources) : { code: 'bad-placeholder', problem: 'a placeholder is not closed' }
    if ('value' in found) return found.value
    failure ??= found
    return ''
  })
  return failure ?? { value }
}

function lookUp(inner: string, sources: SecretSources): Interpolated {
  const variable = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner)
  if (variable !== null) return fromEnvironment(variable[1]!, variable[2], sources.env)
  if (inner.startsWith('file:') && inner.length > 5) return fromFile(inner.slice(5), sources.folder)
  const expected = `write \${env:NAME}, \${env:NAME:-default} or \${file:path}, or $\${ for a literal \${`
  return { code: 'bad-placeholder', problem: `this is no placeholder: ${expected}` }
}

/** As in a shell, the default also stands in for an empty variable. */
function fromEnvironment(name: string, fallback: string | undefined, env: NodeJS.ProcessEnv): Interpolated {
  const value = env[name]
  if (fallback !== undefined) return { value: value === undefined || value === '' ? fallback : value }
  if (value !== undefined) return { value }
  return { code: 'missing-secret', problem: `missing variable ${name}` }
}

function fromFile(path: string, folder: string): Interpolated {
  const read = readSmallFile(resolve(folder, path))
  if (typeof read === 'string') return { value: read.replace(/\r?\n$/, '') }
  return { code: 'missing-secret', problem: `cannot read ${path}: ${read.reason}` }
}

/** The text of a small file, or the reason why there is none. */
export function readSmallFile(path: string): string | { readonly reason: string } {
  try {
    const status = statSync(path)
    // A pipe would block the process until somebody writes.
    if (!status.isFile()) return { reason: 'it is no file' }
    if (status.size > MOST_BYTES) return { reason: `it is larger than ${MOST_BYTES / 1024} KiB` }
    return readFileSync(path, 'utf8')
  } catch (error) {
    return { reason: reasonOf(error) }
  }
}

/** What an operator needs of a file system error. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const known: Record<string, string> = {
    ENOENT: 'no such file',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a part of its path is not a folder',
  }
  return known[code] ?? (code === '' ? 'unknown failure' : code)
}
