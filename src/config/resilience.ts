/** What an upstream does about failure: probes, passive health, breaker, retries, fallback. Plain data, as in config.ts. */

/** Inclusive ranges of status codes. */
export type StatusRanges = readonly (readonly [from: number, to: number])[]

export interface ProbeConfig {
  readonly path: string
  readonly method: 'GET' | 'HEAD'
  /** Undefined: the target's own. */
  readonly host: string | undefined
  /** Flat, lower-case names. */
  readonly headers: readonly string[]
  /** Undefined: the target's own. */
  readonly port: number | undefined
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Probes in a row that turn a verdict. */
  readonly unhealthyAfter: number
  readonly healthyAfter: number
  /** What a healthy target answers. */
  readonly statuses: StatusRanges
}

export interface PassiveConfig {
  readonly failures: number
  /** Shares are fractions. */
  readonly errorRatio: number
  readonly minRequests: number
  readonly windowMs: number
  readonly ejectionMs: number
  readonly maxEjectionMs: number
  readonly maxEjected: number
}

export interface HealthConfig {
  readonly probe: ProbeConfig | null
  readonly passive: PassiveConfig | null
}

export interface BreakerConfig {
  readonly failures: number
  readonly errorRatio: number
  readonly windowMs: number
  readonly openMs: number
}

/** Kinds of failure that a retry may mend. */
export const retryCauses = ['connect', 'closed', 'timeout', 'status'] as const
export type RetryCause = (typeof retryCauses)[number]
/** Why a request is sent again: what may be configured, or a kept connection that died idle, which always may. */
export type RetryReason = RetryCause | 'reused'

export interface RetryConfig {
  /** Tries after the first. */
  readonly attempts: number
  /** Share of the requests of the last ten seconds that may be retried. */
  readonly budget: number
  readonly on: readonly RetryCause[]
  readonly statuses: StatusRanges
  readonly backoff: { readonly baseMs: number; readonly maxMs: number }
  /** Until the head of an answer, for each try. Undefined: `timeouts` alone. */
  readonly perTryMs: number | undefined
  /** Bytes of a request body that are kept to send it again. */
  readonly bodyBuffer: number
}

export interface FallbackConfig {
  /** Name in `Config.upstreams`. */
  readonly upstream: string
  /** Answers that count as a failure here; failures without an answer always do. */
  readonly statuses: StatusRanges
}
