/** `upstreams`, and the URLs that routes name instead of one. */
import { readBalance } from './balance.ts'
import { readAuthorities, readCertificate } from './certificates.ts'
import type { TargetConfig, UpstreamConfig } from './config.ts'
import type { Path } from './document.ts'
import type { RawTarget, RawUpstream } from './raw.ts'
import { namedEntries, type Reading } from './reading.ts'
import { defaultOf } from './schema/forms.ts'
import { upstreamMap } from './schema/upstreams.ts'
import { readTarget } from './targets.ts'
import { readBreaker, readFallback, readHealth, readRetries } from './upstream-failure.ts'

/** Defaults of an upstream in short form, and of what was taken out of a long one. */
const defaults = defaultOf(upstreamMap) as Pick<
  RawUpstream,
  'balance' | 'panicThreshold' | 'timeouts' | 'connections' | 'tls'
>

const defaultTimeouts = defaults.timeouts as Required<Omit<NonNullable<RawUpstream['timeouts']>, 'total'>>

export class Upstreams {
  readonly #reading: Reading
  readonly #named = new Map<string, UpstreamConfig>()
  readonly #byUrl = new Map<string, UpstreamConfig>()

  constructor(reading: Reading) {
    this.#reading = reading
    for (const [name, raw] of namedEntries(reading, ['upstreams'], reading.data.upstreams)) {
      this.#named.set(name, readUpstream(reading, name, raw))
    }
    for (const name of [...this.#named.keys()]) this.#readFallback(name)
  }

  /** When all names are known. */
  #readFallback(name: string): void {
    const raw = this.#reading.data.upstreams?.[name]
    if (typeof raw !== 'object' || isList(raw) || raw.fallback === undefined) return
    const path: Path = ['upstreams', name, 'fallback']
    const fallback = readFallback(this.#reading, { raw: raw.fallback, path, of: name }, this)
    this.#named.set(name, { ...this.#named.get(name)!, fallback })
  }

  get names(): string[] {
    return Object.keys(this.#reading.data.upstreams ?? {})
  }

  has(name: string): boolean {
    return this.#named.has(name) || this.#reading.document.has(['upstreams', name])
  }

  /** The upstream that a URL in a route stands for, named by the URL. */
  ofUrl(url: string, path: Path): void {
    if (this.#byUrl.has(url)) return
    const target = readTarget(this.#reading, url, path)
    if (target !== undefined)
      this.#byUrl.set(url, build(this.#reading, { name: url, targets: [target], raw: {}, path }))
  }

  get all(): UpstreamConfig[] {
    return [...this.#named.values(), ...this.#byUrl.values()]
  }
}

function readUpstream(reading: Reading, name: string, raw: string | Listed | RawUpstream): UpstreamConfig {
  const path: Path = ['upstreams', name]
  if (typeof raw === 'string') return build(reading, { name, targets: oneTarget(reading, raw, path), raw: {}, path })
  const long = isList(raw) ? {} : raw
  const [listed, listPath] = isList(raw) ? [raw, path] : [raw.targets ?? [], [...path, 'targets']]
  const targets = listed.flatMap((target, index) => {
    if (target === undefined) return []
    const at = [...listPath, index]
    if (typeof target === 'string') return oneTarget(reading, target, at)
    if (target.url === undefined) return []
    return oneTarget(reading, target.url, [...at, 'url']).map((one) => ({ ...one, weight: target.weight ?? 1 }))
  })
  checkTargets(reading, targets, { listed, path: listPath })
  return build(reading, { name, targets, raw: long, path })
}

function isList(raw: unknown): raw is Listed {
  return Array.isArray(raw)
}

type Listed = readonly (string | RawTarget | undefined)[]

/** What no target alone has wrong: two that are one, and none that would get a request. */
function checkTargets(
  { document, findings }: Reading,
  targets: readonly TargetConfig[],
  { listed, path }: { listed: Listed; path: Path },
): void {
  const seen = new Set<string>()
  for (const [index, target] of listed.entries()) {
    const url = typeof target === 'string' ? target : target?.url
    if (url === undefined) continue
    if (seen.has(url)) {
      const message = 'this target is in the list already'
      const suggestion = 'give it a `weight` instead'
      findings.error('duplicate-target', document.place([...path, index]), { message, suggestion })
    }
    seen.add(url)
  }
  if (targets.length > 0 && targets.every(({ weight }) => weight === 0)) {
    findings.error('wrong-value', document.place(path), 'every target has weight 0: none would get a request')
  }
}

function oneTarget(reading: Reading, url: string, path: Path): TargetConfig[] {
  const target = readTarget(reading, url, path)
  return target === undefined ? [] : [target]
}

function build(
  reading: Reading,
  { name, targets, raw, path }: { name: string; targets: TargetConfig[]; raw: RawUpstream; path: Path },
): UpstreamConfig {
  const timeouts = { ...defaultTimeouts, ...raw.timeouts }
  const connections = { ...defaults.connections, ...raw.connections } as Required<
    NonNullable<RawUpstream['connections']>
  >
  return {
    name,
    targets,
    balance: readBalance(reading, raw.balance ?? defaults.balance!, [...path, 'balance']),
    panicThreshold: reading.share(raw.panicThreshold ?? defaults.panicThreshold!, [...path, 'panicThreshold'], {
      zero: true,
    }),
    health: readHealth(reading, raw.health, [...path, 'health']),
    breaker: readBreaker(reading, raw.breaker, [...path, 'breaker']),
    retries: readRetries(reading, raw.retries, [...path, 'retries']),
    fallback: null,
    timeouts: {
      connectMs: reading.milliseconds(timeouts.connect, [...path, 'timeouts', 'connect']),
      responseMs: reading.milliseconds(timeouts.response, [...path, 'timeouts', 'response']),
      idleMs: reading.milliseconds(timeouts.idle, [...path, 'timeouts', 'idle']),
      totalMs:
        timeouts.total === undefined ? undefined : reading.milliseconds(timeouts.total, [...path, 'timeouts', 'total']),
      streamMs: reading.milliseconds(timeouts.stream, [...path, 'timeouts', 'stream']),
      tunnelMs: reading.milliseconds(timeouts.tunnel, [...path, 'timeouts', 'tunnel']),
    },
    connections: {
      max: connections.max,
      idleMs: reading.milliseconds(connections.idle, [...path, 'connections', 'idle']),
      queue: connections.queue,
      queueTimeoutMs: reading.milliseconds(connections.queueTimeout, [...path, 'connections', 'queueTimeout']),
      tunnels: connections.tunnels,
    },
    tls: readTls(reading, { ...defaults.tls, ...raw.tls }, [...path, 'tls']),
  }
}

function readTls(reading: Reading, raw: NonNullable<RawUpstream['tls']>, path: Path): UpstreamConfig['tls'] {
  const { verify = true, serverName } = raw
  const { document, findings } = reading
  if (!verify) {
    const message = 'certificates of this upstream are not verified: whoever answers at its address is believed'
    findings.warning('unverified-upstream', document.place([...path, 'verify']), message)
  }
  const ca = readAuthorities(reading, [...path, 'ca'], raw.ca)
  if ((raw.cert === undefined) !== (raw.key === undefined)) {
    const missing = raw.cert === undefined ? 'cert' : 'key'
    findings.error('missing-key', document.place(path), `a client certificate needs \`${missing}\` too`)
  }
  const pair = readCertificate(reading, path, raw)
  return {
    verify,
    ...(serverName === undefined ? {} : { serverName }),
    ...(ca === undefined ? {} : { ca }),
    ...(pair === undefined ? {} : { cert: pair.cert, key: pair.key }),
  }
}
