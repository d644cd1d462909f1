/** What the YAML parser found, in the words of an operator. */
import type { Document, YAMLError, YAMLWarning } from 'yaml'
import type { Findings, FindingText, Place } from './findings.ts'

/** The first mistake derails the parser: what it says many lines later is seldom another one. */
const MOST_REPORTED = 5

/** Never the parser's own message: it may quote the text, and the text may be a secret. */
const messages: Readonly<Record<string, FindingText>> = {
  TAB_AS_INDENT: { message: 'a tab indents this line', suggestion: 'YAML is indented with spaces' },
  BAD_INDENT: { message: 'this does not continue what it stands in', suggestion: 'check indentation, and [ ] { }' },
  MISSING_CHAR: { message: 'something is missing here', suggestion: 'a closing quote, a comma or a blank' },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'a second ": " on one line',
    suggestion: 'quote the value, or put the nested map on lines of its own',
  },
  BAD_SCALAR_START: {
    message: 'a plain value cannot start with this character',
    suggestion: 'quote the value',
  },
  MULTIPLE_DOCS: { message: 'the file has a second document', suggestion: 'a config is one document: remove the ---' },
  TAG_RESOLVE_FAILED: { message: 'tags are not used here', suggestion: 'remove the !…' },
  BAD_ALIAS: { message: 'this is no alias' },
  BAD_DQ_ESCAPE: { message: 'not an escape of a double-quoted string', suggestion: 'use single quotes' },
  MULTILINE_IMPLICIT_KEY: { message: 'a key stands on one line', suggestion: 'is a ":" missing?' },
  RESOURCE_EXHAUSTION: { message: 'this is nested too deeply' },
}
/** `match: GET /users/{id}` inside `{ … }`: there the first brace ends the value. */
const unquotedBraces: FindingText = {
  message: 'a value inside { … } ends at its first brace, comma or bracket',
  suggestion: 'quote it: "/users/{id}"',
}
const other: FindingText = { message: 'this is not YAML', suggestion: 'check quotes and indentation' }

/** Reports syntax errors; true when there are any. */
export function reportSyntax(
  parsed: Pick<Document.Parsed, 'errors' | 'warnings'>,
  { text, placeOf }: { text: string; placeOf: (start: number, end: number) => Place },
  findings: Findings,
): boolean {
  const found: (YAMLError | YAMLWarning)[] = [...parsed.errors, ...parsed.warnings]
  const exhausted = found.find(({ code }) => code === 'RESOURCE_EXHAUSTION')
  const lines = new Set<number>()
  for (const { code, pos } of exhausted === undefined ? found : [exhausted]) {
    const place = placeOf(pos[0], pos[1])
    if (lines.has(place.at.line) || lines.size === MOST_REPORTED) continue
    lines.add(place.at.line)
    const message = hasUnquotedBraces(text, pos[0]) ? unquotedBraces : (messages[code] ?? other)
    findings.error(code === 'TAB_AS_INDENT' ? 'tab-indent' : 'yaml-syntax', place, message)
    // What follows is read as part of something that has ended already.
    if (message === unquotedBraces) break
  }
  return found.length > 0
}

/** What is wrong is the brace of a path's parameter, in a map in braces. */
function hasUnquotedBraces(text: string, at: number): boolean {
  const before = text.slice(text.lastIndexOf('\n', at - 1) + 1, at)
  return /\{.*\/$/.test(before) && /^\{\w+\}/.test(text.slice(at, at + 100))
}
