/**
 * How origins may read a path in their own way: decoded again, case folded, `;…` dropped, backslashes turned.
 * Attack: `/%61dmin`, `/Admin;x`, `/a%252fadmin` reach a guarded page through a route that guards nothing.
 */

const DECODINGS = 3

/** Every other way to read a normalised path, folded as `foldLiteral` folds patterns. */
export function readings(path: string): Set<string> {
  const found = new Set<string>()
  let current = path
  for (let depth = 0; depth <= DECODINGS; depth++) {
    found.add(reduce(current))
    found.add(reduce(cut(current)))
    const decoded = decodeOnce(current)
    if (decoded === current) break
    current = decoded
  }
  return found
}

/** A pattern's literal segment as readings are compared with it. */
export function foldLiteral(literal: string): string {
  return withoutTail(decodeOnce(literal).normalize('NFKC')).toLowerCase()
}

/** Folding would not change it. */
export function isFolded(literal: string): boolean {
  return /^[a-z0-9_-]*$/.test(literal) || foldLiteral(literal) === literal
}

function decodeOnce(text: string): string {
  // Bytes that are no UTF-8 become U+FFFD: no pattern has that, and no origin agrees on them anyway.
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
}

function reduce(path: string): string {
  const segments = path
    .normalize('NFKC')
    .replaceAll('\\', '/')
    .split('/')
    .map((segment) => segment.replace(/;.*$/s, ''))
  const resolved: string[] = []
  for (const segment of segments) {
    if (segment === '..') resolved.pop()
    else if (segment !== '' && segment !== '.') resolved.push(segment)
  }
  const slash = /^(?:|\.|\.\.)$/.test(segments.at(-1) ?? '') && resolved.length > 0 ? '/' : ''
  return cut(`/${resolved.join('/')}${slash}`)
    .split('/')
    .map(withoutTail)
    .join('/')
    .toLowerCase()
}

/** Trailing dots and blanks dropped. Attack: a pattern for that starts anew at each dot of a long run that is not the end. */
function withoutTail(segment: string): string {
  let end = segment.length
  while (end > 0 && /[.\s]/.test(segment[end - 1]!)) end--
  return segment.slice(0, end)
}

/** What C strings, query parsers and fragment parsers leave of it. */
function cut(path: string): string {
  const end = path.search(/[\0?#]/)
  return end === -1 ? path : path.slice(0, end)
}
