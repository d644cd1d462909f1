/** `dns`: who is asked for the addresses of targets, and how long an answer is used. */
import { isIP } from 'node:net'
import type { DnsConfig } from './config.ts'
import type { Path } from './document.ts'
import type { Reading } from './reading.ts'
import { dns as dnsSchema } from './schema/edge.ts'
import { defaultOf } from './schema/forms.ts'

type RawDns = Readonly<Record<'timeout' | 'refresh' | 'minTtl' | 'maxTtl', string>>

export function readDns(reading: Reading): DnsConfig {
  const { document, findings, data } = reading
  const raw = { ...(defaultOf(dnsSchema) as RawDns), ...data.dns }
  const servers = (data.dns?.servers ?? []).flatMap((server, index) => {
    if (server === undefined) return []
    if (isServer(server)) return [server]
    const at: Path = ['dns', 'servers', index]
    const message = `expected an address such as 10.0.0.53, 10.0.0.53:5353 or [::1]:53, found ${document.shown(at)}`
    findings.error('wrong-value', document.place(at), message)
    return []
  })
  for (const key of ['timeout', 'minTtl', 'maxTtl']) {
    if (data.dns?.servers !== undefined || !document.has(['dns', key])) continue
    const message = `\`${key}\` is about \`servers\`, and there are none`
    const suggestion = 'the system tells no lifetimes: `refresh` says how long its answers are used'
    findings.error('conflicting-keys', document.keyPlace(['dns', key]), { message, suggestion })
  }
  if (data.dns?.servers !== undefined && document.has(['dns', 'refresh'])) {
    const message = '`refresh` is about the resolver of the system, and `servers` are asked instead'
    const suggestion = 'answers of servers say how long they live: see `minTtl` and `maxTtl`'
    findings.error('conflicting-keys', document.keyPlace(['dns', 'refresh']), { message, suggestion })
  }
  const minTtlMs = reading.milliseconds(raw.minTtl, ['dns', 'minTtl'])
  const maxTtlMs = reading.milliseconds(raw.maxTtl, ['dns', 'maxTtl'])
  if (minTtlMs > maxTtlMs) {
    findings.error('wrong-value', document.place(['dns', 'minTtl']), '`minTtl` is more than `maxTtl`')
  }
  return {
    servers,
    timeoutMs: reading.milliseconds(raw.timeout, ['dns', 'timeout']),
    refreshMs: reading.milliseconds(raw.refresh, ['dns', 'refresh']),
    minTtlMs,
    maxTtlMs,
  }
}

function isServer(text: string): boolean {
  if (isIP(text) !== 0) return true
  const [, six, four, port] = /^(?:\[(.+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text) ?? []
  const valid = six === undefined ? isIP(four ?? '') === 4 : isIP(six) === 6
  return valid && Number(port) >= 1 && Number(port) <= 65_535
}
