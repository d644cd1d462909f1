/** Lets clients through by address. `deny` wins over `allow`; an IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is IPv4. */
import { BlockList, isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { FromSchema } from 'json-schema-to-ts'
import { type Exchange, Problem, type Scope, type Traits } from '#gateway'

const ranges = {
  type: 'array',
  minItems: 1,
  // What looks like an address; the plugin itself refuses what only looks so.
  items: {
    type: 'string',
    title: 'an address or a CIDR range such as 10.0.0.0/8',
    pattern: '^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$',
    examples: ['10.0.0.0/8', '2001:db8::1'],
  },
} as const

export const schema = {
  type: 'object',
  description: 'Lets clients pass, or not, by their address. Refused is 403.',
  additionalProperties: false,
  minProperties: 1,
  properties: {
    allow: { ...ranges, description: 'Only these addresses or CIDR ranges may pass.' },
    deny: { ...ranges, description: 'These addresses or CIDR ranges may not pass, even where `allow` has them.' },
  },
} as const

export const traits: Traits = { lazy: true, refuses: true, restricts: true }

export default function ipFilter(scope: Scope, options: FromSchema<typeof schema>): void {
  const allow = options.allow && addressList(options.allow)
  const deny = options.deny && addressList(options.deny)

  scope.addHook('onRequest', function filter({ exchange }) {
    const address = plainAddress(exchange.facts.clientAddress)
    const family = familyOf(address)
    // A client without an address (a Unix socket) is on no list: it passes neither `allow` nor `deny`.
    if (family === undefined) throw refused(exchange, 'no-address')
    if (deny?.[family].check(address, family)) throw refused(exchange, 'denied')
    if (allow && !allow[family].check(address, family)) throw refused(exchange, 'not-allowed')
    if (exchange.recording) exchange.decide('pass', 'allowed', { address })
  })
}

function refused(exchange: Exchange, reason: string): Problem {
  if (exchange.recording) exchange.decide('refuse', reason, { address: exchange.facts.clientAddress })
  return new Problem('forbidden', 'Requests from this address are not accepted.')
}

/** Without zone; IPv4 where it is IPv4 written as IPv6, in whichever of its spellings. */
function plainAddress(address: string): string {
  const zone = address.indexOf('%')
  const text = zone === -1 ? address : address.slice(0, zone)
  const mayBeMapped = text.includes(':') && (text.startsWith('::') || text.startsWith('0'))
  return mayBeMapped && isIP(text) === 6 ? ipaddr.process(text).toString() : text
}

type Family = 'ipv4' | 'ipv6'

function familyOf(address: string): Family | undefined {
  const version = isIP(address)
  if (version === 0) return undefined
  return version === 4 ? 'ipv4' : 'ipv6'
}

/** One list per family: in a mixed one, Node's `::/0` holds every IPv4 address too. Throws RangeError on what is no range. */
function addressList(entries: readonly string[]): Readonly<Record<Family, BlockList>> {
  const list = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const entry of entries) {
    const { address, prefix } = parseRange(entry)
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    list[family].addSubnet(address, prefix, family)
  }
  return list
}

function parseRange(entry: string): { address: string; prefix: number } {
  const [address = '', prefixText] = entry.split('/')
  const family = isIP(address)
  const bits = family === 4 ? 32 : 128
  const prefix = prefixText === undefined ? bits : Number(prefixText)
  if (family === 0 || prefix > bits)
    throw new RangeError(`expected an address or a CIDR range such as 10.0.0.0/8, found "${entry}"`)
  const plain = plainAddress(address)
  // A range of mapped addresses is the IPv4 range that it covers.
  const mapped = family === 6 && !plain.includes(':')
  if (!mapped) return { address, prefix }
  if (prefix < 96) throw new RangeError(`"${entry}" mixes IPv4 and IPv6: write the IPv4 range as such`)
  return { address: plain, prefix: prefix - 96 }
}
