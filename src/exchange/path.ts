/**
 * Decides what the path of a request is, once: the same bytes are matched, authorised and forwarded.
 * RFC 3986 §6.2.2 normalisation; whatever two parsers could read differently is refused instead of repaired.
 */

export interface NormalizedPath {
  /** Runs of `/` merged, dot segments resolved, unreserved characters decoded, hex in upper case. */
  readonly path: string
  /** The same with runs of `/` kept, where that differs; for routes with `slashes: keep`. */
  readonly kept: string | null
  /** Holds `%2F`: only for routes with `encodedSlash: keep`. */
  readonly encodedSlash: boolean
  /** An origin could read it as another path: worth the aliasing check. */
  readonly reinterpretable: boolean
}

/** Bits of what a byte means for a path. */
const SLOW = 1
const ALIAS = 2
const classes = new Uint8Array(256).fill(SLOW | ALIAS)
for (const char of "abcdefghijklmnopqrstuvwxyz0123456789-_~!$&'()*+,=:@/.") classes[char.charCodeAt(0)] = 0
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ;') classes[char.charCodeAt(0)] = ALIAS
for (const char of '"<>^`{|}[]') classes[char.charCodeAt(0)] = ALIAS

const SLASH = 0x2f
const DOT = 0x2e

/** The normalised path, or the reason (shown to the client) why it is refused. `raw` starts with `/` and holds no query. */
export function normalizePath(raw: string): NormalizedPath | string {
  let flags = 0
  let before = 0
  for (let i = 0; i < raw.length; i++) {
    const code = raw.charCodeAt(i)
    flags |= code < 256 ? classes[code]! : SLOW | ALIAS
    if (before === SLASH && (code === SLASH || code === DOT)) flags |= SLOW | ALIAS
    if (before === DOT && code === SLASH) flags |= ALIAS
    before = code
  }
  if (before === DOT) flags |= ALIAS
  if ((flags & SLOW) === 0) return { path: raw, kept: null, encodedSlash: false, reinterpretable: flags !== 0 }
  return normalizeSlowly(raw)
}

function normalizeSlowly(raw: string): NormalizedPath | string {
  const decoded = decodeUnreserved(raw)
  if (!decoded.startsWith('/')) return decoded
  const encodedSlash = decoded.includes('%2F')
  if (encodedSlash && !encodedSlashesAreInert(decoded)) return 'The path has a dot or an empty segment beside %2F.'

  const path = resolveDots(decoded.replaceAll(/\/{2,}/g, '/'))
  const kept = decoded.includes('//') ? resolveDots(decoded) : path
  if (path === null || kept === null) return 'The path climbs above its root.'
  return { path, kept: kept === path ? null : kept, encodedSlash, reinterpretable: true }
}

/** The path with unreserved characters decoded and hex upper-cased (RFC 3986 §6.2.2.1-2), or a reason that does not start with `/`. */
function decodeUnreserved(raw: string): string {
  if (/[\x00-\x20\x7f-\uffff]/.test(raw)) return 'The path has control bytes, blanks or raw bytes above ASCII.'
  if (raw.includes('\\') || /%5c/i.test(raw)) return 'The path has a backslash.'
  if (raw.includes('#')) return 'The path has a fragment.'
  if (/%(?![0-9a-f]{2})/i.test(raw)) return 'The path has a malformed percent-encoding.'
  if (/%(?:[01][0-9a-f]|7f)/i.test(raw)) return 'The path has encoded control bytes.'
  try {
    decodeURIComponent(raw)
  } catch {
    return 'The path is not UTF-8 once decoded.'
  }
  return raw.replaceAll(/%[0-9a-f]{2}/gi, (triplet) => {
    const char = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
    return /[A-Za-z0-9\-._~]/.test(char) ? char : triplet.toUpperCase()
  })
}

/** Attack: `/public/..%2Fadmin` is one segment here and two for an origin that decodes it. */
function encodedSlashesAreInert(path: string): boolean {
  return path
    .split('/')
    .filter((segment) => segment.includes('%2F'))
    .every((segment) => segment.split('%2F').every((part) => part !== '' && part !== '.' && part !== '..'))
}

/** RFC 3986 §5.2.4, but null where `..` would climb above the root. */
function resolveDots(path: string): string | null {
  if (!path.includes('/.')) return path
  const resolved: string[] = []
  const segments = path.split('/').slice(1)
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1
    if (segment === '..') {
      if (resolved.pop() === undefined) return null
      if (last) resolved.push('')
    } else if (segment === '.') {
      if (last) resolved.push('')
    } else {
      resolved.push(segment)
    }
  }
  return `/${resolved.join('/')}`
}
