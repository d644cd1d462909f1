/** `listen` and `admin`: the addresses we take, and what they need. */
import ipaddr from 'ipaddr.js'
import { readAuthorities, readCertificates } from './certificates.ts'
import type { AdminConfig, ListenerConfig } from './config.ts'
import type { Path } from './document.ts'
import type { Place } from './findings.ts'
import type { RawAdmin, RawListener } from './raw.ts'
import { namedEntries, type Reading } from './reading.ts'
import { adminMap } from './schema/edge.ts'
import { defaultOf } from './schema/forms.ts'

interface Address {
  readonly protocol: 'http' | 'https'
  readonly host: string
  readonly port: number
}

interface Taken {
  readonly address: Address
  readonly place: Place
}

/** The listeners and the admin listener, no two of them on one address. */
export function readListeners(reading: Reading): { listeners: ListenerConfig[]; admin: AdminConfig | undefined } {
  const taken: Taken[] = []
  const listeners: ListenerConfig[] = []
  for (const { name, raw, path } of writtenListeners(reading)) {
    const listener = readListener(reading, path, typeof raw === 'string' ? { url: raw } : raw)
    if (listener === undefined) continue
    take(reading, taken, { address: listener, place: reading.document.place(path) })
    listeners.push({ name, ...listener })
  }
  const admin = readAdmin(reading)
  if (admin !== undefined)
    take(reading, taken, { address: { protocol: 'http', ...admin }, place: reading.document.place(['admin']) })
  return { listeners, admin }
}

interface Written {
  readonly name: string
  readonly raw: string | RawListener
  readonly path: Path
}

function writtenListeners(reading: Reading): Written[] {
  const { listen = [] } = reading.data
  if (typeof listen === 'string') return [{ name: 'listen[0]', raw: listen, path: ['listen'] }]
  if (Array.isArray(listen)) {
    return listen.flatMap((raw, index) =>
      raw === undefined ? [] : [{ name: `listen[${index}]`, raw, path: ['listen', index] }],
    )
  }
  const map = listen as Readonly<Record<string, string | RawListener | undefined>>
  if (Object.hasOwn(map, 'url')) {
    reading.findings.error('bad-name', reading.document.keyPlace(['listen', 'url']), {
      message: 'a listener cannot be called "url"',
      suggestion: 'one listener with options is written as a list: `listen: [{ url: … }]`',
    })
    return []
  }
  return namedEntries(reading, ['listen'], map).map(([name, raw]) => ({ name, raw, path: ['listen', name] }))
}

function readListener(reading: Reading, path: Path, raw: RawListener): Omit<ListenerConfig, 'name'> | undefined {
  const urlPath = reading.document.has([...path, 'url']) ? [...path, 'url'] : path
  const address = raw.url === undefined ? undefined : readAddress(reading, urlPath, raw.url)
  const certificates = readCertificates(reading, [...path, 'certificates'], raw.certificates ?? [])
  const clientCa = readAuthorities(reading, [...path, 'clientCa'], raw.clientCa)
  if (address === undefined) return undefined
  const wanted = address.protocol === 'https'
  if (wanted && !reading.document.has([...path, 'certificates'])) {
    const message = 'an https listener needs a certificate'
    const suggestion = 'write { url: …, certificates: [{ cert: FILE, key: FILE }] }'
    reading.findings.error('bad-certificate', reading.document.place(urlPath), { message, suggestion })
  }
  if (!wanted && (certificates.length > 0 || clientCa !== undefined)) {
    const message = 'certificates need a URL that starts with https://'
    reading.findings.error('bad-certificate', reading.document.place(urlPath), message)
  }
  return { ...address, certificates, ...(clientCa === undefined ? {} : { clientCa }) }
}

/** `http://HOST:PORT`. Undefined, and reported, when it is more or less than that. */
function readAddress(reading: Reading, path: Path, text: string): Address | undefined {
  const place = reading.document.place(path)
  const shown = reading.document.shown(path)
  const [, protocol, , port] = /^(https?):\/\/(\[[^\]]+\]|[^/?#@:[\]]+)(?::(\d{1,5}))?\/?$/.exec(text) ?? []
  if (protocol === undefined || !URL.canParse(text) || Number(port ?? 0) > 65_535) {
    const suggestion = /^[\w.-]+:\d+$/.test(text) ? `write http://${text}` : undefined
    reading.findings.error('bad-url', place, {
      message: `expected http://HOST:PORT or https://HOST:PORT, found ${shown}`,
      suggestion,
    })
    return undefined
  }
  const kind = protocol === 'https' ? 'https' : 'http'
  const host = new URL(text).hostname.replace(/^\[|\]$/g, '')
  return { protocol: kind, host, port: Number(port ?? (kind === 'https' ? 443 : 80)) }
}

function readAdmin(reading: Reading): AdminConfig | undefined {
  const { admin } = reading.data
  if (admin === undefined) return undefined
  const raw: RawAdmin = typeof admin === 'string' ? { ...(defaultOf(adminMap) as RawAdmin), url: admin } : admin
  const path: Path = reading.document.has(['admin', 'url']) ? ['admin', 'url'] : ['admin']
  const address = raw.url === undefined ? undefined : readAddress(reading, path, raw.url)
  if (address === undefined) return undefined
  const { document, findings } = reading
  if (address.protocol === 'https')
    findings.error('not-supported-yet', document.place(path), 'https for `admin` is not supported yet')
  if (!isLoopback(address.host) && raw.token === undefined && !document.has(['admin', 'token'])) {
    const suggestion = `write { url: …, token: "\${env:ADMIN_TOKEN}" }, or listen on 127.0.0.1`
    findings.error('token-required', document.place(path), {
      message: 'off loopback the admin listener needs a token',
      suggestion,
    })
  }
  return {
    host: address.host,
    port: address.port,
    token: raw.token,
    hosts: (raw.hosts ?? []).filter((host) => host !== undefined).map((host) => host.toLowerCase()),
    metricsOpen: raw.metrics === 'open',
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || (ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback')
}

/** Port 0 is never taken; a wildcard address takes its port on all others. */
function take(reading: Reading, taken: Taken[], next: Taken): void {
  const { host, port } = next.address
  const other = taken.find(({ address }) => port !== 0 && address.port === port && overlap(address.host, host))
  taken.push(next)
  if (other === undefined) return
  reading.findings.error('address-taken', next.place, {
    message: `port ${port} is taken by another listener, on line ${other.place.at.line}`,
    related: [{ at: other.place.at, message: 'taken here' }],
  })
}

function overlap(one: string, other: string): boolean {
  const wildcards = ['0.0.0.0', '::']
  return one === other || wildcards.includes(one) || wildcards.includes(other)
}
