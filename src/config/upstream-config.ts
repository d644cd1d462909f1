/** What a checked gateway.yaml says of upstreams and their targets; see config.ts. */
import type { BreakerConfig, FallbackConfig, HealthConfig, RetryConfig } from './resilience.ts'

export interface UpstreamConfig {
  /** The key under `upstreams`, or the URL of a route that names one directly. */
  readonly name: string
  readonly targets: readonly TargetConfig[]
  readonly balance: BalanceConfig
  /** Share of the targets that have to be up for the verdicts on the others to be believed. */
  readonly panicThreshold: number
  readonly timeouts: {
    readonly connectMs: number
    readonly responseMs: number
    readonly idleMs: number
    /** Instead of `idleMs` where the answer is an event stream. */
    readonly streamMs: number
    readonly tunnelMs: number
    /** All tries and waits together, until the head of the answer. */
    readonly totalMs: number | undefined
  }
  readonly health: HealthConfig | null
  readonly breaker: BreakerConfig | null
  readonly retries: RetryConfig | null
  readonly fallback: FallbackConfig | null
  readonly connections: {
    readonly max: number
    readonly idleMs: number
    readonly queue: number
    readonly queueTimeoutMs: number
    readonly tunnels: number
  }
  readonly tls: {
    readonly verify: boolean
    readonly serverName?: string
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
  }
}

export interface TargetConfig {
  /** As written: the `target` in metrics and logs of the operator. */
  readonly url: string
  readonly protocol: 'http' | 'https' | 'builtin' | 'unix'
  readonly host: string
  readonly port: number
  /** Where `protocol` is `unix`: absolute. */
  readonly socketPath?: string
  /** Joined in front of every forwarded path; `''` for none. Never ends in `/`. */
  readonly basePath: string
  /** Its share of the requests, against the others'; 0: gets none. */
  readonly weight: number
}

export type BalanceConfig =
  | { readonly kind: 'round-robin' | 'least-connections' | 'random' }
  | { readonly kind: 'hash'; readonly by: AffinityKey }

/** What requests that belong together have in common. Names of headers are lower case. */
export type AffinityKey =
  | { readonly kind: 'consumer' | 'ip' | 'path' }
  | { readonly kind: 'header' | 'cookie'; readonly name: string }
