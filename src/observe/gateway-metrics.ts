/** The metrics that the gateway itself feeds: names, helps and labels in one place. Those of plugins stand in the plugins. */
import type { CounterFamily, Instruments } from './instruments.ts'

/** What the supervisor knows, read at each scrape. */
export interface ConfigReadings {
  lastReloadSuccessful(): boolean
  configHash(): string
}

/** What serving knows, read at each scrape. */
export interface TrafficReadings {
  /** Requests that have begun and not ended. */
  inflightRequests(): number
  /** Open client connections by kind: `http`, `ws`. */
  connections(): Iterable<readonly [kind: string, count: number]>
  /** Connections to upstreams by state: `active`, `idle`, `connecting`. */
  upstreamConnections(): Iterable<readonly [upstream: string, state: string, count: number]>
  /** Listener certificates: a name for each, and the end of its life in seconds since the epoch. */
  certificates(): Iterable<readonly [name: string, expiresAt: number]>
  /** The stores shared with other gateways: the one of the config, and those of configs on their way out. */
  stores(): Iterable<{ readonly isUp: boolean }>
}

/** The supervisor's metrics. Returns what it counts: reloads, by result `success` or `failure`. */
export function configMetrics(instruments: Instruments, readings: ConfigReadings): CounterFamily {
  configGauges(instruments, readings)
  const reloads = instruments.counter(
    'config_reloads_total',
    'Reloads of the configuration, by result: success or failure.',
    ['result'],
  )
  reloads.series('success')
  reloads.series('failure')
  return reloads
}

/** The metrics of serving. Returns what chains count: rejections by route, plugin, reason and mode (`enforce`, `observe`). */
export function trafficMetrics(instruments: Instruments, readings: TrafficReadings): CounterFamily {
  trafficGauges(instruments, readings)
  return instruments.counter(
    'rejections_total',
    'Requests that a plugin refused, by problem code; with mode "observe", those that it would have refused.',
    ['route', 'plugin', 'reason', 'mode'],
  )
}

function configGauges(instruments: Instruments, readings: ConfigReadings): void {
  instruments.gauge(
    'config_last_reload_successful',
    'Whether the last attempt to load the configuration succeeded (1) or was refused (0).',
    [],
    (gauge) => gauge.set(readings.lastReloadSuccessful() ? 1 : 0),
  )
  instruments.gauge('config_info', 'The configuration that serves, by its hash. Always 1.', ['hash'], (gauge) =>
    gauge.set(1, readings.configHash()),
  )
}

function trafficGauges(instruments: Instruments, readings: TrafficReadings): void {
  instruments.gauge(
    'tls_certificate_expiry_timestamp_seconds',
    'When a certificate of a listener expires, in seconds since the epoch.',
    ['name'],
    (gauge) => {
      for (const [name, expiresAt] of readings.certificates()) gauge.set(expiresAt, name)
    },
  )

  instruments.gauge('inflight_requests', 'Requests that have begun and not ended.', [], (gauge) =>
    gauge.set(readings.inflightRequests()),
  )
  instruments.gauge('connections', 'Open client connections, by kind.', ['kind'], (gauge) => {
    for (const [kind, count] of readings.connections()) gauge.set(count, kind)
  })
  instruments.gauge(
    'store_up',
    'Whether the store of limits answers in time: 1 or 0. Memory always does.',
    [],
    (gauge) => gauge.set([...readings.stores()].every(({ isUp }) => isUp) ? 1 : 0),
  )
  instruments.gauge('upstream_connections', 'Connections to an upstream, by state.', ['upstream', 'state'], (gauge) => {
    for (const [upstream, state, count] of readings.upstreamConnections()) gauge.set(count, upstream, state)
  })
}
