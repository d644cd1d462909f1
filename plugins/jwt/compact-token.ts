/** What a compact JWS looks like before anything is believed: its parts, strictly encoded, and its head (RFC 7515 §3.1). */
import { Refusal } from './refusal.ts'

/** The head's members that choose a key. `jwk`, `jku`, `x5u` and `x5c` are never looked at: a token does not bring its own key. */
export interface TokenHead {
  readonly alg: string
  readonly kid: string | undefined
}

/** The head of a token whose parts are well encoded. Throws Refusal. */
export function readHead(token: string): TokenHead {
  const parts = token.split('.')
  if (parts.length !== 3 || !parts.every(isBase64url)) throw new Refusal('malformed-token')
  const { alg, kid } = parseObject(parts[0]!)
  if (typeof alg !== 'string') throw new Refusal('malformed-token')
  if (kid !== undefined && typeof kid !== 'string') throw new Refusal('malformed-token')
  return { alg, kid }
}

/**
 * Whether text is the one base64url spelling of its bytes (RFC 4648 §3.5, §5): no padding, no blanks, unused bits zero.
 * A decoder that forgives these gives one signature many spellings, and whoever lists revoked tokens misses the others.
 */
export function isBase64url(text: string): boolean {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return false
  const tail = text.length % 4
  if (tail === 0) return true
  if (tail === 1) return false
  return (tail === 2 ? 'AQgw' : 'AEIMQUYcgkosw048').includes(text.at(-1)!)
}

function parseObject(part: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(strictUtf8.decode(Buffer.from(part, 'base64url')))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Neither UTF-8 nor JSON: said below, in words that quote nothing of the token.
  }
  throw new Refusal('malformed-token')
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
