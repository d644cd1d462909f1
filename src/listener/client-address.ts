/** Who the client is, given the trusted proxies: exactly one header is believed, and only from them. */
import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net'
import type { TrustedProxies } from '../config/config.ts'
import { valuesOf } from '../exchange/headers.ts'

export interface ClientAddress {
  readonly client: string
  readonly peer: string
  readonly trusted: boolean
}

export class ProxyTrust {
  readonly #list = new BlockList()
  readonly #header: string
  readonly #empty: boolean

  constructor(config: TrustedProxies) {
    this.#header = config.header
    this.#empty = config.from.length === 0
    for (const range of config.from) {
      const [address, prefix] = range.split('/')
      const family = isIPv6(address!) ? 'ipv6' : 'ipv4'
      this.#list.addSubnet(address!, prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix), family)
    }
  }

  get header(): string {
    return this.#header
  }

  /** The client's address behind the peer that connected: the rightmost one that no trusted proxy has. */
  locate(remoteAddress: string, rawHeaders: readonly string[]): ClientAddress {
    const peer = plainAddress(remoteAddress)
    if (this.#empty || !this.#trusts(peer)) return { client: peer, peer, trusted: false }
    const hops = valuesOf(rawHeaders, this.#header).flatMap((value) => addressesOf(this.#header, value))
    let client = peer
    for (const hop of hops.reverse()) {
      // What is no address ends the walk: everything left of it was written by somebody unknown.
      const address = canonical(hop)
      if (address === null) break
      client = address
      if (!this.#trusts(client)) break
    }
    return { client, peer, trusted: true }
  }

  #trusts(address: string): boolean {
    const family = isIP(address)
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
}

function addressesOf(header: string, value: string): string[] {
  const items = value.split(',')
  if (header !== 'forwarded') return items.map((item) => withoutPort(item.trim()))
  // RFC 7239 §4: one `for=` per hop.
  return items.map((item) => {
    const node = /(?:^|;)\s*for=(?:"([^"]*)"|([^;\s]*))/i.exec(item)
    return withoutPort(node?.[1] ?? node?.[2] ?? '')
  })
}

function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::[0-9]+)?$/.exec(text)
  if (bracketed !== null) return bracketed[1]!
  return /^[0-9.]+:[0-9]+$/.test(text) ? text.slice(0, text.indexOf(':')) : text
}

/** One spelling for each address a header may name; null for what is none. A zone means nothing on another machine. */
function canonical(text: string): string | null {
  const family = isIP(text)
  if (family === 4) return text
  if (family === 0 || text.includes('%')) return null
  return plainAddress(new SocketAddress({ address: text, family: 'ipv6' }).address)
}

/** IPv4 that a dual-stack socket shows as `::ffff:10.0.0.1` is IPv4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
