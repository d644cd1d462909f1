/** Reads what an upstream does about failure: `health`, `breaker`, `retries`, `fallback`. */
import { isFieldValue, isToken } from '../exchange/headers.ts'
import type { Path } from './document.ts'
import { isProblem, parseHost } from './match.ts'
import type { RawBreaker, RawFallback, RawHealth, RawPassive, RawRetries, RawStatuses } from './raw.ts'
import type { Reading } from './reading.ts'
import type {
  BreakerConfig,
  FallbackConfig,
  HealthConfig,
  PassiveConfig,
  ProbeConfig,
  RetryConfig,
  StatusRanges,
} from './resilience.ts'
import { defaultOf, type Schema } from './schema/forms.ts'
import * as schemas from './schema/resilience.ts'
import { nameHint } from './suggest.ts'
import { size } from './units.ts'
import type { Upstreams } from './upstreams.ts'

/** Keys of `health` that are about probes. */
const probeKeys = [
  'interval',
  'timeout',
  'unhealthyAfter',
  'healthyAfter',
  'status',
  'method',
  'host',
  'headers',
  'port',
]

export function readHealth(reading: Reading, raw: RawHealth | undefined, path: Path): HealthConfig | null {
  if (raw === undefined) return null
  const { document, findings } = reading
  if (!document.has([...path, 'path'])) {
    const [stray] = probeKeys.filter((key) => document.has([...path, key]))
    if (stray !== undefined) {
      const message = `\`${stray}\` is about probes, and without \`path\` there are none`
      findings.error('conflicting-keys', document.keyPlace([...path, stray]), message)
    } else if (!document.has([...path, 'passive'])) {
      const message = 'health needs `path`, for probes, or `passive`, to judge by traffic'
      findings.error('missing-key', document.keyPlace(path), message)
    }
  }
  return {
    probe: raw.path === undefined ? null : readProbe(reading, { ...raw, path: raw.path }, path),
    passive: raw.passive === undefined ? null : readPassive(reading, raw.passive, [...path, 'passive']),
  }
}

/** What was reported has been taken out; its default stands in, and the config is refused anyway. */
function filled<Raw extends object>(raw: Raw, schema: Schema): Required<Raw> {
  return { ...(defaultOf(schema) as Required<Raw>), ...raw }
}

function readProbe(reading: Reading, raw: RawHealth & { readonly path: string }, path: Path): ProbeConfig {
  const { method, interval, timeout, unhealthyAfter, healthyAfter, status } = filled(raw, schemas.health)
  return {
    path: raw.path,
    method,
    host: raw.host === undefined ? undefined : readHost(reading, raw.host, [...path, 'host']),
    headers: readHeaders(reading, raw.headers ?? {}, [...path, 'headers']),
    port: raw.port,
    intervalMs: reading.milliseconds(interval, [...path, 'interval']),
    timeoutMs: reading.milliseconds(timeout, [...path, 'timeout']),
    unhealthyAfter,
    healthyAfter,
    statuses: readStatuses(reading, status, [...path, 'status']),
  }
}

function readHost(reading: Reading, text: string, path: Path): string {
  const host = parseHost(text.replace(/:\d{1,5}$/, ''))
  if (isProblem(host) || text.startsWith('*')) {
    const message = `expected a host, found ${reading.document.shown(path)}`
    reading.findings.error('wrong-value', reading.document.place(path), message)
  }
  return text
}

/** The probe's own: how it is framed and where it goes. */
const ownFields = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'expect', 'trailer'])

function readHeaders(reading: Reading, raw: Readonly<Record<string, string | undefined>>, path: Path): string[] {
  const { document, findings } = reading
  return Object.entries(raw).flatMap(([name, value]) => {
    const at = [...path, name]
    if (!isToken(name) || ownFields.has(name.toLowerCase())) {
      findings.error('wrong-value', document.keyPlace(at), `"${name}" is no header that a probe can be given`)
    } else if (value !== undefined && !isFieldValue(value)) {
      findings.error('wrong-value', document.place(at), 'a header value has no line breaks or other control bytes')
    }
    return value === undefined ? [] : [name.toLowerCase(), value]
  })
}

function readPassive(reading: Reading, raw: RawPassive, path: Path): PassiveConfig {
  const schema = (schemas.health['properties'] as Record<string, Schema>)['passive']!
  const { failures, errorRatio, minRequests, window, ejection, maxEjection, maxEjected } = filled(raw, schema)
  return {
    failures,
    errorRatio: reading.share(errorRatio, [...path, 'errorRatio']),
    minRequests,
    windowMs: reading.milliseconds(window, [...path, 'window']),
    ejectionMs: reading.milliseconds(ejection, [...path, 'ejection']),
    maxEjectionMs: reading.milliseconds(maxEjection, [...path, 'maxEjection']),
    maxEjected: reading.share(maxEjected, [...path, 'maxEjected']),
  }
}

export function readBreaker(reading: Reading, raw: RawBreaker | undefined, path: Path): BreakerConfig | null {
  if (raw === undefined) return null
  const { failures, errorRatio, window, open } = filled(raw, schemas.breaker)
  return {
    failures,
    errorRatio: reading.share(errorRatio, [...path, 'errorRatio']),
    windowMs: reading.milliseconds(window, [...path, 'window']),
    openMs: reading.milliseconds(open, [...path, 'open']),
  }
}

/** Null also for `attempts: 0`. */
export function readRetries(reading: Reading, raw: RawRetries | undefined, path: Path): RetryConfig | null {
  if (raw === undefined) return null
  const { attempts, budget, on, statuses, bodyBuffer } = filled(raw, schemas.retries)
  const { base = '25ms', max = '250ms' } = raw.backoff ?? {}
  const baseMs = reading.milliseconds(base, [...path, 'backoff', 'base'])
  const maxMs = reading.milliseconds(max, [...path, 'backoff', 'max'])
  if (baseMs > maxMs) {
    const at = reading.document.place([...path, 'backoff'])
    reading.findings.error('wrong-value', at, `the first pause (${base}) is longer than the longest (${max})`)
  }
  const retries: RetryConfig = {
    attempts,
    budget: reading.share(budget, [...path, 'budget'], { zero: true }),
    on: on.filter((cause) => cause !== undefined),
    statuses: readStatuses(reading, statuses, [...path, 'statuses']),
    backoff: { baseMs, maxMs },
    perTryMs: raw.perTry === undefined ? undefined : reading.milliseconds(raw.perTry, [...path, 'perTry']),
    bodyBuffer: size(bodyBuffer),
  }
  return attempts === 0 ? null : retries
}

export function readStatuses(reading: Reading, raw: RawStatuses, path: Path): StatusRanges {
  return raw.flatMap((one, index) => {
    if (one === undefined) return []
    if (typeof one === 'number') return [[one, one] as const]
    if (one.endsWith('xx')) return [[Number(one[0]) * 100, Number(one[0]) * 100 + 99] as const]
    const [from, to] = one.split('-').map(Number) as [number, number]
    if (from > to) {
      const at = [...path, index]
      reading.findings.error('wrong-value', reading.document.place(at), `${one} ends before it begins`)
    }
    return [[from, to] as const]
  })
}

/** What the fallback of a route or an upstream is read with. */
export interface FallbackSource {
  readonly raw: RawFallback | undefined
  readonly path: Path
  /** The upstream it stands in for; null where there are several. */
  readonly of: string | null
}

export function readFallback(
  reading: Reading,
  { raw, path, of }: FallbackSource,
  upstreams: Upstreams,
): FallbackConfig | null {
  const { document, findings } = reading
  const { upstream, statuses = [] } = typeof raw === 'string' ? { upstream: raw } : (raw ?? {})
  if (upstream === undefined) return null
  const at = typeof raw === 'string' ? path : [...path, 'upstream']
  if (upstream.includes('://')) upstreams.ofUrl(upstream, at)
  else if (!upstreams.has(upstream)) {
    const suggestion = nameHint(upstream, upstreams.names)
    findings.error('unknown-name', document.place(at), {
      message: `no upstream is called ${document.shown(at)}`,
      suggestion,
    })
  }
  if (upstream === of) findings.error('wrong-value', document.place(at), 'an upstream cannot stand in for itself')
  return { upstream, statuses: readStatuses(reading, statuses, [...path, 'statuses']) }
}
