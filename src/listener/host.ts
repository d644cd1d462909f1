/** The Host rules of RFC 9112 §3.2 and RFC 3986 §3.2.2: exactly one, and one that means a host to everybody. */
import { isIPv6 } from 'node:net'

export interface Authority {
  /** As the client named it, port included. */
  readonly authority: string
  /** Lower case, no port, one trailing dot dropped. */
  readonly host: string
}

const recent = new Map<string, Authority | null>()
const RECENT = 256
let last: Authority | null = null

/** The host and port in a Host field or an absolute-form target; null when they are not valid. */
export function parseAuthority(text: string): Authority | null {
  // A text that came on the wire has to be made a key first, which costs more than to compare it.
  if (last !== null && last.authority === text) return last
  const known = recent.get(text)
  if (known !== undefined) {
    last = known
    return known
  }
  const parsed = parse(text)
  // A bounded memo: clients of one gateway name few hosts. Filled with junk it is simply emptied.
  if (recent.size >= RECENT) recent.clear()
  recent.set(text, parsed)
  return parsed
}

function parse(text: string): Authority | null {
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?))(?::([0-9]{1,5}))?$/.exec(
    text,
  )
  if (parts === null) return null
  const [, ipv6, name, port] = parts
  if (port !== undefined && (Number(port) > 65_535 || Number(port) === 0)) return null
  // The shortest spelling (RFC 5952), as in the config: one address, one host.
  if (ipv6 !== undefined) return isIPv6(ipv6) ? { authority: text, host: new URL(`http://[${ipv6}]`).hostname } : null
  if (name!.length > 254 || name!.includes('..')) return null
  const host = name!.toLowerCase()
  return { authority: text, host: host.endsWith('.') ? host.slice(0, -1) : host }
}
