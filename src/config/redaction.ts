/** Keeps literal secrets out of everything that shows the config: excerpts under diagnostics, and the admin's view of the file. */
import type { Position } from './diagnostic.ts'
import type { ConfigDocument } from './document.ts'

export interface Range {
  readonly start: number
  readonly end: number
}

const REDACTED = '<redacted>'

/** Keys whose values are secrets wherever they stand: also in options of plugins that say nothing about themselves. */
const secretKey = /(?:secret|token|password|passphrase|private-?key|credential|api[-_]?key)s?$/i
/** The same by text alone, for comments and for what is not YAML. */
const secretText = /((?:secret|token|password|passphrase|private-?key|credential)s?["']?\s*:\s*)([^\s{][^#\n]*)/gi
const keysText = /(\bkeys?["']?\s*:\s*)([^#\n]+)/gi
const userinfo = /(:\/\/)([^/?#\s"']*)(?=@)/g

export function isSecretKey(key: string): boolean {
  return secretKey.test(key)
}

/** The file as text, placeholders as written, literal secrets as `"<redacted>"`. */
export function redactedSource(document: ConfigDocument): string {
  let shown = ''
  let from = 0
  for (const { start, end } of document.secretRanges()) {
    if (start < from) continue
    shown += `${document.text.slice(from, start)}"${REDACTED}"`
    from = end
    // A block scalar ends with its line break.
    if (document.text[end - 1] === '\n') shown += '\n'
  }
  shown += document.text.slice(from)
  return shown
    .replaceAll(userinfo, `$1${REDACTED}`)
    .replaceAll(/#.*$/gm, (comment) => comment.replaceAll(secretText, `$1${REDACTED}`))
}

interface LineOfFile {
  readonly line: { readonly text: string; readonly start: number }
  readonly at: Position
  readonly secrets: readonly Range[]
  /** Not YAML: nothing is known about what is a secret, so more is masked. */
  readonly broken: boolean
}

/** One line with its secrets masked, and where the range of `at` went. */
export function maskLine({ line, at, secrets, broken }: LineOfFile): {
  text: string
  column: number
  endColumn: number
} {
  const ranges: Range[] = []
  for (const { start, end } of secrets) {
    const range = { start: Math.max(start - line.start, 0), end: Math.min(end - line.start, line.text.length) }
    if (range.start < range.end) ranges.push(range)
  }
  const patterns = broken ? [userinfo, secretText, keysText] : [userinfo]
  for (const pattern of patterns) ranges.push(...secondGroups(line.text, pattern))
  const comment = /(?:^|\s)#/.exec(line.text)
  if (comment !== null) {
    for (const range of secondGroups(line.text, secretText)) if (range.start > comment.index) ranges.push(range)
  }
  return replaceRanges(line.text, ranges, at)
}

function secondGroups(text: string, pattern: RegExp): Range[] {
  return [...text.matchAll(pattern)].map((match) => {
    const start = match.index + match[1]!.length
    return { start, end: start + match[2]!.length }
  })
}

function replaceRanges(line: string, ranges: readonly Range[], at: Position) {
  let text = ''
  let from = 0
  let column = at.column
  let endColumn = at.endColumn
  for (const { start, end } of ranges.toSorted((one, other) => one.start - other.start)) {
    if (start < from) continue
    text += line.slice(from, start) + REDACTED
    from = end
    const shift = REDACTED.length - (end - start)
    if (at.column - 1 >= end) column += shift
    else if (at.column - 1 > start) column = text.length - REDACTED.length + 1
    if (at.endColumn - 1 >= end) endColumn += shift
    else if (at.endColumn - 1 > start) endColumn = text.length + 1
  }
  return { text: text + line.slice(from), column, endColumn: Math.max(endColumn, column + 1) }
}
