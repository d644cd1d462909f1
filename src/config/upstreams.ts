/** `upstreams`, and the URLs that routes name instead of one. */
import { X509Certificate } from 'node:crypto'
import { normalizePath } from '../exchange/path.ts'
import type { TargetConfig, UpstreamConfig } from './config.ts'
import type { Path } from './document.ts'
import type { RawTarget, RawUpstream } from './raw.ts'
import { namedEntries, type Reading } from './reading.ts'
import { defaultOf } from './schema/forms.ts'
import { upstreamMap } from './schema/upstreams.ts'

/** Defaults of an upstream in short form, and of what was taken out of a long one. */
const defaults = defaultOf(upstreamMap) as Pick<RawUpstream, 'timeouts' | 'connections' | 'tls'>

export class Upstreams {
  readonly #reading: Reading
  readonly #named = new Map<string, UpstreamConfig>()
  readonly #byUrl = new Map<string, UpstreamConfig>()

  constructor(reading: Reading) {
    this.#reading = reading
    for (const [name, raw] of namedEntries(reading, ['upstreams'], reading.data.upstreams)) {
      this.#named.set(name, readUpstream(reading, name, raw))
    }
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

function readUpstream(
  reading: Reading,
  name: string,
  raw: string | readonly (string | RawTarget | undefined)[] | RawUpstream,
): UpstreamConfig {
  const path: Path = ['upstreams', name]
  if (typeof raw === 'string') return build(reading, { name, targets: oneTarget(reading, raw, path), raw: {}, path })
  const long = isList(raw) ? {} : raw
  const [listed, listPath] = isList(raw) ? [raw, path] : [raw.targets ?? [], [...path, 'targets']]
  const targets = listed.flatMap((target, index) => {
    if (target === undefined) return []
    const at = [...listPath, index]
    if (typeof target === 'string') return oneTarget(reading, target, at)
    return target.url === undefined ? [] : oneTarget(reading, target.url, [...at, 'url'])
  })
  return build(reading, { name, targets, raw: long, path })
}

function isList(raw: unknown): raw is readonly (string | RawTarget | undefined)[] {
  return Array.isArray(raw)
}

function oneTarget(reading: Reading, url: string, path: Path): TargetConfig[] {
  const target = readTarget(reading, url, path)
  return target === undefined ? [] : [target]
}

/** A target URL: a path may follow, nothing else. Undefined, and reported, when it cannot be one. */
function readTarget(reading: Reading, text: string, path: Path): TargetConfig | undefined {
  if (text === 'builtin://echo')
    return { url: text, protocol: 'builtin', host: 'echo', port: 0, basePath: '', weight: 1 }
  const problem = targetProblem(text)
  if (problem !== null) {
    reading.findings.error('bad-url', reading.document.place(path), problem)
    return undefined
  }
  const { protocol, hostname, port, pathname } = new URL(text)
  const basePath = normalizePath(pathname)
  if (typeof basePath === 'string') {
    reading.findings.error(
      'bad-url',
      reading.document.place(path),
      `the path of a target must be one that requests may have`,
    )
    return undefined
  }
  const kind = protocol === 'https:' ? 'https' : 'http'
  return {
    url: text,
    protocol: kind,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (kind === 'https' ? 443 : 80) : Number(port),
    basePath: basePath.path.replace(/\/+$/, ''),
    weight: 1,
  }
}

/** Never quotes the URL: it may hold a password. */
function targetProblem(text: string): { message: string; suggestion?: string } | null {
  if (/^builtin:/.test(text)) return { message: 'the only embedded origin is builtin://echo' }
  if (!/^https?:\/\//i.test(text)) {
    const suggestion = /^[\w.-]+(:\d+)?(\/|$)/.test(text) ? `write http://${text}` : undefined
    return {
      message: 'a target is a URL that starts with http:// or https://',
      ...(suggestion === undefined ? {} : { suggestion }),
    }
  }
  if (!URL.canParse(text)) return { message: 'this is no URL' }
  const { username, password, port } = new URL(text)
  if (username !== '' || password !== '' || /^[^/]*\/\/[^/?#]*@/.test(text)) {
    return {
      message: 'a target URL has no user name or password',
      suggestion: 'set a header with the plugin `headers`',
    }
  }
  if (text.includes('#')) return { message: 'a target URL has no fragment' }
  if (text.includes('?')) return { message: 'a target URL has no query', suggestion: '`rewrite` can set parameters' }
  if (port === '0') return { message: 'a target has a port from 1 to 65535' }
  if (/[\s\\]/.test(text)) return { message: 'a target URL has no blanks or backslashes' }
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(text)) return { message: 'a target URL has no dot segments' }
  return null
}

function build(
  reading: Reading,
  { name, targets, raw, path }: { name: string; targets: TargetConfig[]; raw: RawUpstream; path: Path },
): UpstreamConfig {
  const timeouts = { ...defaults.timeouts, ...raw.timeouts } as Required<NonNullable<RawUpstream['timeouts']>>
  const connections = { ...defaults.connections, ...raw.connections } as Required<
    NonNullable<RawUpstream['connections']>
  >
  return {
    name,
    targets,
    balance: 'round-robin',
    timeouts: {
      connectMs: reading.milliseconds(timeouts.connect, [...path, 'timeouts', 'connect']),
      responseMs: reading.milliseconds(timeouts.response, [...path, 'timeouts', 'response']),
      idleMs: reading.milliseconds(timeouts.idle, [...path, 'timeouts', 'idle']),
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
  const { verify = true, serverName, ca: caFile } = raw
  const { document, findings } = reading
  if (!verify) {
    const message = 'certificates of this upstream are not verified: whoever answers at its address is believed'
    findings.warning('unverified-upstream', document.place([...path, 'verify']), message)
  }
  const ca = caFile === undefined ? undefined : reading.file(caFile, [...path, 'ca'])
  if (ca !== undefined && !isCertificate(ca)) {
    findings.error('bad-certificate', document.place([...path, 'ca']), `${caFile} is no PEM certificate`)
  }
  return { verify, ...(serverName === undefined ? {} : { serverName }), ...(ca === undefined ? {} : { ca }) }
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem)
    return true
  } catch {
    // OpenSSL's own words say no more than this.
    return false
  }
}
