/** What one thread, or all of them together, know about the targets at a moment. Plain data, so that it can be told. */
import { NO_CONNECTIONS, type Target } from './target.ts'
import type { BreakerState, TargetState } from './target-state.ts'

export interface TargetReading {
  readonly upstream: string
  /** As written in the file. */
  readonly target: string
  readonly draining: boolean
  readonly up: boolean
  /** Why it is not up. */
  readonly reason: string | null
  readonly breaker: BreakerState
  /** Connections that carry a request, are kept for the next, or are being made. */
  readonly active: number
  readonly idle: number
  readonly pending: number
  /** Requests that wait for a connection. */
  readonly queued: number
  readonly tunnels: number
  /** Where its name leads. */
  readonly addresses: readonly string[]
}

export function readingOf({ state, stats, tunnels, addresses }: Target): TargetReading {
  return { ...readingOfState(state), ...stats, tunnels, addresses }
}

/** Of a target that no request has asked for. */
export function readingOfState({ upstream, url, draining, up, reason, breaker }: TargetState): TargetReading {
  return { upstream, target: url, draining, up, reason, breaker, ...NO_CONNECTIONS, tunnels: 0, addresses: [] }
}

/** At least one reading of a target, by each thread and for its old and new settings: counts are added up, the worst is believed. */
export function summed(readings: readonly TargetReading[]): TargetReading {
  const sum = (count: (reading: TargetReading) => number) => readings.reduce((total, one) => total + count(one), 0)
  const { upstream, target } = readings[0]!
  return {
    upstream,
    target,
    draining: readings.some(({ draining }) => draining),
    up: readings.every(({ up }) => up),
    reason: readings.find(({ reason }) => reason !== null)?.reason ?? null,
    breaker: severity.find((state) => readings.some(({ breaker }) => breaker === state))!,
    active: sum(({ active }) => active),
    idle: sum(({ idle }) => idle),
    pending: sum(({ pending }) => pending),
    queued: sum(({ queued }) => queued),
    tunnels: sum(({ tunnels }) => tunnels),
    addresses: [...new Set(readings.flatMap(({ addresses }) => addresses))],
  }
}

/** Worst first. */
const severity: readonly BreakerState[] = ['open', 'half-open', 'closed']
