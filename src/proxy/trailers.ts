/** Which trailer fields pass the gateway, either way (RFC 9110 §6.5). */
import { hopByHop, nominated } from './hop-by-hop.ts'

/** Trailer fields that must not be merged or forwarded: framing, routing, request modifiers, authentication, connection (RFC 9110 §6.5.1). */
const forbiddenTrailers: ReadonlySet<string> = new Set([
  ...hopByHop,
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'max-forwards',
  'pragma',
  'proxy-authenticate',
  'proxy-authorization',
  'range',
  'set-cookie',
  'trailer',
  'via',
  'www-authenticate',
])

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
    const lower = raw[i]!.toLowerCase()
    // `_` for `-`: some origins cannot tell them apart.
    const isForbidden = forbiddenTrailers.has(lower.replaceAll('_', '-')) || named?.has(lower) === true
    if (!isForbidden && trails(raw[i]!)) kept.push(raw[i]!, raw[i + 1]!)
  }
  return kept
}
