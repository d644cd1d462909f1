/** Whose requests are counted together: the key of a request under `by`, tuple-encoded so that no two meanings share one. */
import { hash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { Exchange } from './exchange.ts'

/** Longer ones are hashed: a million keys is then a known amount of memory, whatever clients send. */
const LONGEST_KEY = 96

export type KeyReader = (exchange: Exchange) => string

/** Reads the key that `by` means: `consumer`, `ip`, `route`, `header:NAME`, `claim:NAME`. */
export function keyReader(by: string): KeyReader {
  return common.get(by) ?? readerOf(valueReader(by))
}

function readerOf(read: (exchange: Exchange) => string | undefined): KeyReader {
  return function keyOf(exchange) {
    const value = read(exchange)
    // The first character tells the spaces apart: nobody names himself into an address's count, or out of his own.
    const key = value === undefined ? `@${network(exchange.facts.clientAddress)}` : `=${value}`
    return key.length > LONGEST_KEY ? `#${hash('sha256', key, 'base64url')}` : key
  }
}

/** Those that say nothing more than what they are: one each, for 10,000 limits. */
const common: ReadonlyMap<string, KeyReader> = new Map([
  ['consumer', readerOf((exchange) => exchange.consumer?.id ?? undefined)],
  ['route', readerOf((exchange) => exchange.route?.name ?? '_none')],
  ['ip', readerOf(() => undefined)],
])

/** Whether `by` reads a header that carries credentials: its value is then told to nobody, the decision record included. */
export function readsSecret(by: string, secrets: readonly string[]): boolean {
  const header = by.toLowerCase()
  return header === 'header:authorization' || header === 'header:cookie' || secrets.includes(header)
}

/** A key as the decision record shows it. Of a secret one only addresses are shown. */
export function shownKey(key: string, isSecret: boolean): string {
  return isSecret && !key.startsWith('@') ? '(secret)' : key
}

/** Undefined: the request has no such thing and counts by address. */
function valueReader(by: string): (exchange: Exchange) => string | undefined {
  if (by.startsWith('header:')) return headerReader(by.slice('header:'.length).toLowerCase())
  if (by.startsWith('claim:')) return claimReader(by.slice('claim:'.length))
  return () => undefined
}

function headerReader(name: string): (exchange: Exchange) => string | undefined {
  return function headerOf(exchange) {
    const values = exchange.headerValues(name)
    // RFC 9110 §5.3: several lines mean what one line with commas means.
    return values.length === 0 ? undefined : values.join(', ')
  }
}

function claimReader(name: string): (exchange: Exchange) => string | undefined {
  return function claimOf(exchange) {
    const claims = exchange.consumer?.claims ?? {}
    const value = claims[name]
    const scalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    // With its issuer: one issuer's tenant 42 is not another's.
    return scalar ? JSON.stringify([claims['iss'] ?? null, value]) : undefined
  }
}

/**
 * What an address counts as: IPv6 by its /64, which one customer usually has whole; IPv4 as it is, also where it is
 * written as IPv6.
 */
export function network(address: string): string {
  if (!address.includes(':')) return address
  const zone = address.indexOf('%')
  const plain = zone === -1 ? address : address.slice(0, zone)
  if (!isIPv6(plain)) return address
  const parsed = ipaddr.process(plain)
  if (!('parts' in parsed)) return parsed.toString()
  const [a = 0, b = 0, c = 0, d = 0] = parsed.parts
  return `${a.toString(16)}:${b.toString(16)}:${c.toString(16)}:${d.toString(16)}::/64`
}
