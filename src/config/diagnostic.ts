/** One finding about a config file: its codes, its order, and how it is shown to people. */

export type Severity = 'error' | 'warning'

export interface Position {
  readonly file: string
  /** 1-based, like every editor counts. */
  readonly line: number
  readonly column: number
  readonly endColumn: number
}

export interface Diagnostic {
  /** One of `diagnosticCodes`: stable, programs may rely on it. */
  readonly code: string
  readonly severity: Severity
  readonly at: Position
  /** The place in the config: `routes.orders.upstrem`. */
  readonly path: string
  readonly message: string
  readonly suggestion?: string
  readonly related?: readonly { readonly at: Position; readonly message: string }[]
}

/** Every code, with what it says about the file. */
export const diagnosticCodes = {
  'unreadable-file': 'the config file, or a file it names, cannot be read',
  'empty-file': 'the file holds no config',
  'yaml-syntax': 'the text is not YAML',
  'tab-indent': 'a tab indents a line',
  'duplicate-key': 'a map has one key twice',
  'bad-key': 'a map key is not a name',
  'too-many-aliases': 'aliases grow the file out of bounds or contain themselves',
  'bad-placeholder': 'a placeholder is neither env nor file',
  'missing-secret': 'the variable or file of a placeholder does not exist',
  'unknown-key': 'a key that has no meaning here',
  'missing-key': 'a key that must be here',
  'conflicting-keys': 'keys that exclude each other, or none of those of which one is needed',
  'wrong-type': 'a value of another kind',
  'wrong-unit': 'a duration, size or share without its unit',
  'wrong-value': 'a value outside of what is allowed',
  'not-supported-yet': 'planned, and refused until it works',
  'unknown-name': 'a name that nothing has',
  'bad-name': 'a name that cannot be one',
  'bad-url': 'a URL that cannot be used here',
  'duplicate-target': 'one target twice in one upstream',
  'address-taken': 'two listeners on one address',
  'threads-changed': 'another number of threads than the gateway was started with',
  'threads-unsupported': 'more threads than one where the system cannot spread connections over them',
  'worker-ended': 'a thread or process that did not survive the config',
  'bad-certificate': 'a certificate or key that cannot be used, or is missing',
  'expired-certificate': 'a certificate that clients refuse, by its dates',
  'token-required': 'the admin listener is reachable from elsewhere and has no token',
  'bad-key-hash': 'an API key that is not a hash',
  'duplicate-consumer': 'two consumers that one credential would name',
  'expired-key': 'an API key that is accepted no more',
  'bad-item': 'a list item that is no plugin item',
  'chain-cycle': 'chains that contain each other',
  'chain-shadows-plugin': 'a chain with the name of a plugin',
  'plugin-failed': 'a plugin module that cannot be loaded',
  'plugin-invalid': 'a plugin module that does not keep to the contract',
  'plugin-changed': 'a plugin file that is not the code that runs',
  'plugin-skipped': 'a plugin that was not looked at',
  'not-observable': '`mode: observe` on a plugin that never refuses',
  'not-optional': '`optional: true` on a plugin that cannot let anonymous requests pass',
  'not-an-authenticator': 'a member of `any` that authenticates nobody',
  'wrong-order': 'plugins in an order that cannot mean what it says',
  'repeated-item': 'one item twice in one chain',
  'bad-match': 'a match that cannot be one',
  'port-in-match': 'a host with a port in a match',
  'bad-regex': 'a pattern that RE2 does not compile',
  'duplicate-route': 'two routes with the same match',
  'ambiguous-routes': 'two routes for the same requests',
  'shadowed-route': 'a route that part of its requests never reach',
  'route-action': 'a route without, or with more than one of, upstream, respond and redirect',
  'uncaptured-name': 'a template uses what no match captured',
  'unauthenticated-route': 'a route that anybody may use, and does not say so',
  'public-route-authenticates': 'a route that says it is public, and is not',
  'aliasing-allowed': 'a route that takes paths which others read differently',
  'failed-test': 'a test whose request is decided otherwise than it expects',
  'unverified-upstream': 'an upstream whose certificate is not verified',
} as const satisfies Record<string, string>

export type DiagnosticCode = keyof typeof diagnosticCodes

/** Sorted by file position; errors before warnings of one place. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.toSorted(
    (one, other) =>
      one.at.line - other.at.line ||
      one.at.column - other.at.column ||
      one.severity.localeCompare(other.severity) ||
      one.code.localeCompare(other.code),
  )
}

/** A line of the file with its secrets masked, and where a range of it went. Null where there is no such line. */
export interface Excerpts {
  excerpt(at: Position): { readonly text: string; readonly column: number; readonly endColumn: number } | null
}

/** More are counted, not shown: nobody reads on, and the cause is nearly always among the first. */
const MOST_SHOWN = 100

/** The text form: position, message, the line with a caret, and the count. Empty for no diagnostics. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], excerpts: Excerpts): string {
  if (diagnostics.length === 0) return ''
  const shown = diagnostics.slice(0, MOST_SHOWN).map((diagnostic) => renderOne(diagnostic, excerpts))
  const rest = diagnostics.length - shown.length
  return `${shown.join('')}${rest > 0 ? `… and ${rest} more\n` : ''}${countOf(diagnostics)}\n`
}

function renderOne(diagnostic: Diagnostic, excerpts: Excerpts): string {
  const { at, severity, code, message, suggestion, related = [] } = diagnostic
  const lines = [`${positionText(at)}  ${severity}  ${code}  ${message}`]
  const gutter = String(at.line).padStart(4)
  const blank = ' '.repeat(gutter.length)
  const whole = excerpts.excerpt(at)
  if (whole !== null) {
    const excerpt = clipped(whole)
    const caret = '^'.repeat(Math.max(1, excerpt.endColumn - excerpt.column))
    const under = `${indentOf(excerpt.text, excerpt.column)}${caret}${suggestion === undefined ? '' : ` ${suggestion}`}`
    lines.push(`${gutter} | ${excerpt.text}`, `${blank} | ${under}`)
  } else if (suggestion !== undefined) {
    lines.push(`${blank} | ${suggestion}`)
  }
  for (const other of related) lines.push(`${blank} = ${positionText(other.at)}  ${other.message}`)
  return `${lines.join('\n')}\n`
}

const WIDEST = 240
const BEFORE = 60

/** Of a line that is longer than anybody reads, what stands around the place. */
function clipped(excerpt: { readonly text: string; readonly column: number; readonly endColumn: number }) {
  const { text, column, endColumn } = excerpt
  if (text.length <= WIDEST) return excerpt
  const from = Math.max(0, Math.min(column - 1 - BEFORE, text.length - WIDEST))
  const [before, after] = [from > 0 ? '…' : '', from + WIDEST < text.length ? '…' : '']
  const moved = before.length - from
  return {
    text: `${before}${text.slice(from, from + WIDEST)}${after}`,
    column: column + moved,
    endColumn: Math.min(endColumn, from + WIDEST + 1) + moved,
  }
}

/** `file:line:column`. */
export function positionText(at: Position): string {
  return `${at.file}:${at.line}:${at.column}`
}

/** What stands before the caret: tabs stay tabs, so that it stays under its column. */
function indentOf(text: string, column: number): string {
  return text.slice(0, column - 1).replaceAll(/[^\t]/g, ' ')
}

function countOf(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length
  const warnings = diagnostics.length - errors
  const parts = [plural(errors, 'error'), plural(warnings, 'warning')].filter((part) => part !== '')
  return `${parts.join(', ')}.`
}

function plural(count: number, noun: string): string {
  return count === 0 ? '' : `${count} ${noun}${count === 1 ? '' : 's'}`
}
