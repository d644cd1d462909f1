/** Which trailer fields pass the gateway, either way (RFC 9110 §6.5). */
import { isForbiddenTrailer } from '../http1/trailer-fields.ts'
import { nominated } from './hop-by-hop.ts'

/**
 * The trailers of a flat list that may pass a gateway, and whose names `trails` lets through. `head`: the fields of the same message,
 * whose Connection names fields of the hop among its trailers too (RFC 9110 §7.6.1).
 */
export function forwardableTrailers(
  raw: readonly string[],
  head: readonly string[],
  trails: (name: string) => boolean,
): string[] {
  const kept: string[] = []
  if (raw.length === 0) return kept
  const named = nominated(head)
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!
    if (isForbiddenTrailer(name) || named?.has(name.toLowerCase()) === true || !trails(name)) continue
    kept.push(name, raw[i + 1]!)
  }
  return kept
}
