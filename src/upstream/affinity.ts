/** What keeps requests together, on one target or on one side of a split: a header, a cookie, an address, a path, a consumer. */
import type { AffinityKey } from '../config/config.ts'
import type { Exchange } from '../exchange/exchange.ts'

/** The text of one request that `key` asks for; where it has none, the client's address, in a key space of its own. */
export function affinityOf(exchange: Exchange, key: AffinityKey): string {
  const value = keyValue(exchange, key)
  return value === undefined ? `address ${exchange.facts.clientAddress}` : `value ${value}`
}

function keyValue(exchange: Exchange, key: AffinityKey): string | undefined {
  switch (key.kind) {
    case 'ip':
      return undefined
    case 'path':
      return exchange.facts.path
    case 'consumer':
      return exchange.consumer === null ? undefined : JSON.stringify([exchange.consumer.source, exchange.consumer.name])
    case 'header':
      return exchange.headerValues(key.name)[0]
    case 'cookie':
      return cookieOf(exchange.headerValues('cookie'), key.name)
  }
}

/** The first cookie of that name (RFC 6265 §4.2.1); what surrounds it does not matter. */
export function cookieOf(lines: readonly string[], name: string): string | undefined {
  for (const line of lines) {
    for (const pair of line.split(';')) {
      const end = pair.indexOf('=')
      if (end > 0 && pair.slice(0, end).trim() === name) return pair.slice(end + 1).trim()
    }
  }
  return undefined
}

/** 32 bits of a text, well mixed: FNV-1a and MurmurHash3's finaliser. Equal in every process, so that all agree. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash)
}

/** Spreads 32 bits, so that inputs which differ in one bit differ in half of them. */
export function mix(bits: number): number {
  let hash = bits ^ (bits >>> 16)
  hash = Math.imul(hash, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
