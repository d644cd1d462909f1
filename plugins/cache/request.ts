/** What a request says to a cache. Read in one pass: most requests say nothing, and hits are many. */
import { Directives } from './directives.ts'

export interface RequestView {
  readonly directives: Directives
  readonly ifNoneMatch: readonly string[]
  readonly ifModifiedSince: string | null
  readonly cookie: boolean
  readonly authorization: boolean
  /** Asks for a part, or sets a condition that only the origin can judge (RFC 9111 §4.3.2). */
  readonly forOriginOnly: boolean
}

const nothing: RequestView = Object.freeze({
  directives: Directives.none,
  ifNoneMatch: [],
  ifModifiedSince: null,
  cookie: false,
  authorization: false,
  forOriginOnly: false,
})

const names: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'cookie',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'pragma',
  'range',
])
const lengths = new Uint8Array(64)
for (const name of names) lengths[name.length] = 1

/** Reads a flat header list. */
export function readRequest(raw: readonly string[]): RequestView {
  let found: Map<string, string[]> | null = null
  for (let i = 0; i < raw.length; i += 2) {
    if (lengths[raw[i]!.length] !== 1) continue
    const name = raw[i]!.toLowerCase()
    if (!names.has(name)) continue
    found ??= new Map()
    const values = found.get(name)
    if (values === undefined) found.set(name, [raw[i + 1]!])
    else values.push(raw[i + 1]!)
  }
  return found === null ? nothing : view(found)
}

function view(found: ReadonlyMap<string, string[]>): RequestView {
  return {
    directives: Directives.parse(found.get('cache-control') ?? [], found.get('pragma') ?? []),
    ifNoneMatch: found.get('if-none-match') ?? [],
    ifModifiedSince: found.get('if-modified-since')?.[0] ?? null,
    cookie: found.has('cookie'),
    authorization: found.has('authorization'),
    forOriginOnly:
      found.has('range') || found.has('if-range') || found.has('if-match') || found.has('if-unmodified-since'),
  }
}
