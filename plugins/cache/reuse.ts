/** Whether a stored answer may be given to a request (RFC 9111 §4.2, §5.2.1), and whether 304 says it all (§4.3.2). Pure. */
import type { Entry } from './entry.ts'
import { httpDate } from './http-date.ts'
import type { RequestView } from './request.ts'

/** `request`: fresh, but the request does not want it. */
export type Reuse = 'usable' | 'stale' | 'request'

/** `age` in milliseconds, see currentAge. */
export function reuse(entry: Entry, { directives }: RequestView, age: number): Reuse {
  if (directives.has('no-cache') || directives.has('no-store')) return 'request'
  const left = entry.lifetime - age
  const maxAge = directives.seconds('max-age')
  if (maxAge !== null && age >= maxAge * 1000) return left > 0 ? 'request' : 'stale'
  if (left <= 0) return toleratesStale(entry, directives, -left) ? 'usable' : 'stale'
  const minFresh = directives.seconds('min-fresh')
  return minFresh !== null && left < minFresh * 1000 ? 'request' : 'usable'
}

/** RFC 9111 §5.2.1.2; the origin's must-revalidate, proxy-revalidate and s-maxage forbid it (§4.2.4). */
function toleratesStale(entry: Entry, directives: RequestView['directives'], staleness: number): boolean {
  if (entry.mustRevalidate || !directives.has('max-stale')) return false
  return directives.isBare('max-stale') || staleness <= directives.seconds('max-stale')! * 1000
}

/**
 * Whether a stored answer may stand in for an upstream that fails, `age` as above. RFC 5861 §4: a request may ask for
 * less, and what else it says of freshness does not matter; but one that wants no stored answer gets none.
 */
export function mayStandIn(entry: Entry, { directives }: RequestView, age: number): boolean {
  if (entry.staleIfError === 0 || directives.has('no-cache') || directives.has('no-store')) return false
  const asked = directives.seconds('stale-if-error')
  const allowed = asked === null ? entry.staleIfError : Math.min(entry.staleIfError, asked * 1000)
  return age - entry.lifetime <= allowed
}

/** Whether the client's copy is the stored one. Conditions count for 200 only: RFC 9110 §13.2.1. */
export function isNotModified(entry: Entry, request: RequestView): boolean {
  if (entry.status !== 200) return false
  // RFC 9110 §13.2.2: with If-None-Match there, If-Modified-Since is not looked at.
  if (request.ifNoneMatch.length > 0) return hasTag(request.ifNoneMatch, entry.etag)
  if (request.ifModifiedSince === null) return false
  const since = httpDate(request.ifModifiedSince, entry.receivedAt)
  return since !== null && entry.modifiedAt <= since
}

/** Weak comparison (RFC 9110 §8.8.3.2). */
function hasTag(lines: readonly string[], etag: string | null): boolean {
  for (const line of lines) {
    if (line.trim() === '*') return true
    if (etag === null) continue
    for (const [, tag] of line.matchAll(/(?:W\/)?("[^"]*")/g)) if (tag === etag.replace(/^W\//, '')) return true
  }
  return false
}
