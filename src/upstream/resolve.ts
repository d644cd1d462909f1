/** Asks for the addresses of a name once: the system, as every program on the machine does, or the servers of the config. */
import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { DnsConfig, TargetConfig } from '../config/config.ts'

export interface Address {
  readonly address: string
  readonly family: number
}

export interface Answer {
  readonly addresses: readonly Address[]
  /** How long they may be used before the name is looked up again. */
  readonly lifetimeMs: number
}

/** `known` are the addresses so far. Rejects with an error whose code says why there are none. */
export type Resolve = (host: string, known: readonly Address[]) => Promise<Answer>

/** The host of a target is a name, rather than an address, a socket or the embedded origin. */
export function isNamed({ protocol, host }: Pick<TargetConfig, 'protocol' | 'host'>): boolean {
  return (protocol === 'http' || protocol === 'https') && isIP(host) === 0
}

export function resolverOf(config: DnsConfig): Resolve {
  return config.servers.length === 0 ? systemResolver(config) : serverResolver(config)
}

/** getaddrinfo: the hosts file, search domains and whatever else the machine is set up for; it tells no lifetimes. */
function systemResolver({ refreshMs }: DnsConfig): Resolve {
  return async (host) => ({ addresses: await lookup(host, { all: true }), lifetimeMs: refreshMs })
}

function serverResolver({ servers, timeoutMs, minTtlMs, maxTtlMs }: DnsConfig): Resolve {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 })
  resolver.setServers([...servers])
  return async (host, known) => {
    // RFC 6761 §6.3: nobody is asked where localhost is.
    if (host === 'localhost' || host.endsWith('.localhost')) return { addresses: loopback, lifetimeMs: maxTtlMs }
    const [four, six] = await Promise.allSettled([
      resolver.resolve4(host, { ttl: true }),
      resolver.resolve6(host, { ttl: true }),
    ])
    if (four.status === 'rejected' && six.status === 'rejected') throw clearer(four.reason, six.reason)
    const found = [...recordsOf(four, 4), ...recordsOf(six, 6)]
    const addresses = [...found, ...unasked(four, 4, known), ...unasked(six, 6, known)]
    const ttl = Math.min(...found.map((record) => record.ttl)) * 1000
    return { addresses, lifetimeMs: Math.min(Math.max(ttl, minTtlMs), maxTtlMs) }
  }
}

const loopback: readonly Address[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

type Records = PromiseSettledResult<{ address: string; ttl: number }[]>

function recordsOf(records: Records, family: number): (Address & { ttl: number })[] {
  return records.status === 'rejected' ? [] : records.value.map(({ address, ttl }) => ({ address, family, ttl }))
}

/** The addresses of one family so far, when nothing was learnt about that family. */
function unasked(records: Records, family: number, known: readonly Address[]): readonly Address[] {
  if (records.status === 'fulfilled' || saysNone(records.reason)) return []
  return known.filter((address) => address.family === family)
}

/** Of two failures the one that says that something is wrong, rather than that there is nothing. */
function clearer(one: unknown, other: unknown): unknown {
  return saysNone(one) ? other : one
}

function saysNone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENODATA' || code === 'ENOTFOUND'
}
