/** The metrics of upstreams that fail: which targets are up, what their breakers do, what is tried again. */
import type { CounterFamily, Instruments } from './instruments.ts'

/** One target, read at each scrape. */
export interface TargetReading {
  readonly upstream: string
  readonly url: string
  readonly up: boolean
  readonly breaker: keyof typeof breakerValues
  readonly hasBreaker: boolean
}

const breakerValues = { closed: 0, 'half-open': 1, open: 2 } as const

/** Returns what is counted as it happens: retries, by upstream and reason. */
export function upstreamMetrics(instruments: Instruments, targets: () => Iterable<TargetReading>): CounterFamily {
  instruments.gauge(
    'upstream_target_up',
    'Whether a target is up (1), or found down by its probes or by its traffic (0).',
    ['upstream', 'target'],
    (gauge) => {
      for (const { upstream, url, up } of targets()) gauge.set(up ? 1 : 0, upstream, url)
    },
  )
  instruments.gauge(
    'breaker_state',
    'The circuit breaker of a target: 0 closed, 1 half-open, 2 open.',
    ['upstream', 'target'],
    (gauge) => {
      for (const { upstream, url, breaker, hasBreaker } of targets()) {
        if (hasBreaker) gauge.set(breakerValues[breaker], upstream, url)
      }
    },
  )
  return instruments.counter(
    'upstream_retries_total',
    'Attempts after the first, by what failed before: connect, closed, timeout, status, or reused for a kept connection that had died idle.',
    ['upstream', 'reason'],
  )
}
