/** One address of an upstream: its connections, and what is known about it. Outlives generations while its settings stay. */
import type { TargetConfig, UpstreamConfig } from '../config/config.ts'
import type { Origin, PoolOptions } from '../http1/client.ts'
import { Pool, type PoolStats } from '../http1/pool.ts'
import type { ResolvedName } from './resolved-name.ts'
import type { TargetState } from './target-state.ts'
import type { TargetWatch } from './target-watch.ts'

const MAX_HEAD_BYTES = 64 * 1024
const MAX_HEADERS = 256
export const NO_CONNECTIONS: PoolStats = { active: 0, idle: 0, pending: 0, queued: 0 }

export class Target {
  /** Name of the upstream it belongs to. */
  readonly upstream: string
  /** As written in the file: what logs and metrics call it. */
  readonly url: string
  readonly basePath: string
  /** The authority a request for this target carries under `host: target`. */
  readonly authority: string
  readonly origin: Origin
  state: TargetState
  /** Upgraded connections that run at present. */
  tunnels = 0
  /** Null where its traffic is not judged. */
  watch: TargetWatch | null = null
  /** All targets of its upstream, itself included, as the newest config has them. */
  peers: readonly Target[] = [this]

  readonly #config: UpstreamConfig
  /** Made for the first request: of 10,000 targets most may never get one. */
  #pool: Pool | null = null
  #isClosed = false
  readonly #name: ResolvedName | null
  readonly #unwatch: (() => void) | undefined

  constructor(config: TargetConfig, upstream: UpstreamConfig, { state, port, name }: TargetParts) {
    this.upstream = upstream.name
    this.state = state
    this.url = config.url
    this.basePath = config.basePath
    this.origin = originOf(config, upstream, port)
    this.authority = authorityOf(config, port)
    this.#name = name
    this.#config = upstream
    this.#unwatch = name?.watch((addresses) => this.#pool?.keep(new Set(addresses)))
  }

  get pool(): Pool {
    return this.#pool ?? this.#open()
  }

  #open(): Pool {
    const name = this.#name
    const pool = new Pool(this.origin, { ...poolOptions(this.#config), ...(name === null ? {} : addressesOf(name)) })
    if (this.#isClosed) pool.close()
    this.#pool = pool
    return pool
  }

  /** Of its connections. */
  get stats(): PoolStats {
    return this.#pool?.stats ?? NO_CONNECTIONS
  }

  /** Requests and tunnels that it has, or that wait for it. */
  get load(): number {
    return (this.#pool?.load ?? 0) + this.tunnels
  }

  /** Where its name leads, as found last; empty where it has none, or nobody asked yet. */
  get addresses(): readonly string[] {
    return this.#name?.addresses ?? []
  }

  /** Idle connections are closed, running exchanges finish. */
  close(): void {
    this.watch?.close()
    this.#unwatch?.()
    this.#isClosed = true
    this.#pool?.close()
  }
}

export interface TargetParts {
  readonly state: TargetState
  readonly port: number
  /** Null where the host is an address, or there is none. */
  readonly name: ResolvedName | null
}

function addressesOf(name: ResolvedName): Pick<PoolOptions, 'lookup' | 'connectFailed'> {
  return { lookup: name.lookup, connectFailed: () => name.suspect() }
}

/** Connections of all targets, summed per upstream and state: the rows of `upstream_connections`. Upstreams without targets here have none. */
export function* connectionsByUpstream(
  upstreams: Iterable<string>,
  targets: Iterable<Target>,
): Generator<readonly [string, string, number]> {
  const none = () => ({ active: 0, idle: 0, connecting: 0 })
  const sums = new Map(Array.from(upstreams, (upstream) => [upstream, none()]))
  for (const { upstream, stats } of targets) {
    const sum = sums.get(upstream) ?? none()
    const { active, idle, pending } = stats
    sum.active += active
    sum.idle += idle
    sum.connecting += pending
    sums.set(upstream, sum)
  }
  for (const [upstream, states] of sums)
    for (const [state, count] of Object.entries(states)) yield [upstream, state, count]
}

/** What makes two targets the same across a reload: everything that shapes their connections. */
export function targetKey({ weight: _, ...config }: TargetConfig, upstream: UpstreamConfig): string {
  const { name, timeouts, connections, tls, breaker, health } = upstream
  return JSON.stringify([name, config, timeouts, connections, tls, breaker, health?.passive])
}

export function originOf(config: TargetConfig, upstream: UpstreamConfig, port: number): Origin {
  const host = config.protocol === 'builtin' ? '127.0.0.1' : config.host
  if (config.socketPath !== undefined) return { host, port, socketPath: config.socketPath }
  if (config.protocol !== 'https') return { host, port }
  const { verify, serverName, ...files } = upstream.tls
  const tls = { serverName: serverName ?? host, rejectUnauthorized: verify, ...files }
  return { host, port, tls }
}

export function authorityOf(config: TargetConfig, port: number): string {
  if (config.protocol === 'builtin') return `127.0.0.1:${port}`
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  const standard = config.protocol === 'https' ? 443 : 80
  return port === standard ? host : `${host}:${port}`
}

function poolOptions({ timeouts, connections }: UpstreamConfig): PoolOptions {
  return {
    maxConnections: connections.max,
    maxIdle: connections.max,
    idleTimeoutMs: connections.idleMs,
    queueLimit: connections.queue,
    queueTimeoutMs: connections.queueTimeoutMs,
    connectTimeoutMs: timeouts.connectMs,
    responseTimeoutMs: timeouts.responseMs,
    bodyIdleTimeoutMs: timeouts.idleMs,
    streamIdleTimeoutMs: timeouts.streamMs,
    maxHeadBytes: MAX_HEAD_BYTES,
    maxHeaders: MAX_HEADERS,
  }
}
