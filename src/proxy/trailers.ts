/** Which trailer fields pass the gateway, either way (RFC 9110 §6.5). */
import type { TrailerRules } from '../exchange/upstream-request.ts'
import { isForbiddenTrailer } from '../http1/trailer-fields.ts'
import { Problem } from '../problem.ts'
import { nominated } from './hop-by-hop.ts'

/**
 * The trailers of a flat list that may pass a gateway, and whose names `passes` lets through. `head`: the fields of the same message,
 * whose Connection names fields of the hop among its trailers too (RFC 9110 §7.6.1).
 */
export function forwardableTrailers(
  raw: readonly string[],
  head: readonly string[],
  passes: (name: string) => boolean,
): string[] {
  const kept: string[] = []
  if (raw.length === 0) return kept
  const named = nominated(head)
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!
    if (isForbiddenTrailer(name) || named?.has(name.toLowerCase()) === true || !passes(name)) continue
    kept.push(name, raw[i + 1]!)
  }
  return kept
}

/** Node's parser takes such a trailer for a field of the head: after `close` in it, it reads nothing behind the request. */
export function namesConnection(raw: readonly string[]): boolean {
  for (let i = 0; i < raw.length; i += 2) if (/^(?:proxy-)?connection$/i.test(raw[i]!)) return true
  return false
}

/** Why a client's trailers are refused, as its head would be: an origin holds them in memory, like a head. */
export function trailersRefusal(raw: readonly string[], { most, mostBytes }: TrailerRules): Problem | null {
  if (raw.length / 2 > most) return new Problem('headers-too-large', 'There are too many trailer fields.')
  let bytes = 0
  for (let i = 0; i < raw.length; i += 2) bytes += raw[i]!.length + raw[i + 1]!.length + 4
  return bytes > mostBytes ? new Problem('headers-too-large', 'The trailer fields are too large.') : null
}
