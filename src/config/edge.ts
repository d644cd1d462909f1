/** `trustedProxies`, `limits` and `shutdown`. */
import ipaddr from 'ipaddr.js'
import { isToken } from '../exchange/headers.ts'
import type { Config, Limits, TrustedProxies } from './config.ts'
import type { Path } from './document.ts'
import type { RawLimits, RawList } from './raw.ts'
import type { Reading } from './reading.ts'
import { limits as limitsSchema, shutdown as shutdownSchema } from './schema/edge.ts'
import { defaultOf } from './schema/forms.ts'
import { size } from './units.ts'

export function readTrustedProxies(reading: Reading): TrustedProxies {
  const raw = reading.data.trustedProxies ?? []
  if (isList(raw)) return { from: readAddresses(reading, raw, ['trustedProxies']), header: 'x-forwarded-for' }
  const header = raw.header?.toLowerCase() ?? 'x-forwarded-for'
  if (!isToken(header)) {
    const path = ['trustedProxies', 'header']
    reading.findings.error(
      'wrong-value',
      reading.document.place(path),
      `expected a header name, found ${reading.document.shown(path)}`,
    )
  }
  return { from: readAddresses(reading, raw.from ?? [], ['trustedProxies', 'from']), header }
}

function isList(raw: RawList<string> | object): raw is RawList<string> {
  return Array.isArray(raw)
}

function readAddresses(reading: Reading, addresses: RawList<string>, path: Path): string[] {
  const { document, findings } = reading
  return addresses.flatMap((text, index) => {
    if (text === undefined) return []
    const valid = text.includes('/') ? ipaddr.isValidCIDR(text) : isAddress(text)
    if (!valid) {
      const at = [...path, index]
      findings.error(
        'wrong-value',
        document.place(at),
        `expected an address or CIDR such as 10.0.0.0/8, found ${document.shown(at)}`,
      )
    }
    if (text.includes('/')) return [text]
    return [`${text}/${text.includes(':') ? 128 : 32}`]
  })
}

function isAddress(text: string): boolean {
  return ipaddr.IPv6.isValid(text) || ipaddr.IPv4.isValidFourPartDecimal(text)
}

export function readLimits(reading: Reading): Limits {
  const raw = { ...(defaultOf(limitsSchema) as Required<RawLimits>), ...reading.data.limits }
  return {
    requestLine: readSize(reading, raw.requestLine, ['limits', 'requestLine']),
    headerBytes: readSize(reading, raw.headerBytes, ['limits', 'headerBytes']),
    headers: raw.headers,
    headTimeoutMs: reading.milliseconds(raw.headTimeout, ['limits', 'headTimeout']),
    bodyIdleMs: reading.milliseconds(raw.bodyIdle, ['limits', 'bodyIdle']),
    idleTimeoutMs: reading.milliseconds(raw.idleTimeout, ['limits', 'idleTimeout']),
    connections: raw.connections,
  }
}

/** Heads are held in memory: their bounds are bounded. */
function readSize(reading: Reading, text: string, path: Path): number {
  const bytes = size(text)
  if (bytes < 256 || bytes > 1024 ** 2) {
    const message = `expected a size from 256B to 1MiB, found ${reading.document.shown(path)}`
    reading.findings.error('wrong-value', reading.document.place(path), message)
  }
  return bytes
}

export function readShutdown(reading: Reading): Config['shutdown'] {
  const raw = { ...(defaultOf(shutdownSchema) as { delay: string; deadline: string }), ...reading.data.shutdown }
  return {
    delayMs: reading.milliseconds(raw.delay, ['shutdown', 'delay'], { zero: true }),
    deadlineMs: reading.milliseconds(raw.deadline, ['shutdown', 'deadline'], { zero: true }),
  }
}
