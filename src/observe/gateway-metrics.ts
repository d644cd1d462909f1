/** The metrics that the gateway itself feeds: names, helps and labels in one place. Those of plugins stand in the plugins. */
import type { CounterFamily, Instruments } from './instruments.ts'

/** What is read at each scrape. */
export interface GatewayReadings {
  lastReloadSuccessful(): boolean
  configHash(): string
  /** Requests that have begun and not ended. */
  inflightRequests(): number
  /** Open client connections by kind: `http`, `ws`. */
  connections(): Iterable<readonly [kind: string, count: number]>
  /** Connections to upstreams by state: `active`, `idle`, `connecting`. */
  upstreamConnections(): Iterable<readonly [upstream: string, state: string, count: number]>
  /** Listener certificates: a name for each, and the end of its life in seconds since the epoch. */
  certificates(): Iterable<readonly [name: string, expiresAt: number]>
}

/** What is counted as it happens. */
export interface GatewayCounters {
  /** By result: `success`, `failure`. */
  readonly configReloads: CounterFamily
  /** By route, plugin, reason and mode (`enforce`, `observe`). */
  readonly rejections: CounterFamily
}

export function gatewayMetrics(instruments: Instruments, readings: GatewayReadings): GatewayCounters {
  configGauges(instruments, readings)
  trafficGauges(instruments, readings)

  const configReloads = instruments.counter(
    'config_reloads_total',
    'Reloads of the configuration, by result: success or failure.',
    ['result'],
  )
  configReloads.series('success')
  configReloads.series('failure')

  const rejections = instruments.counter(
    'rejections_total',
    'Requests that a plugin refused, by problem code; with mode "observe", those that it would have refused.',
    ['route', 'plugin', 'reason', 'mode'],
  )
  return { configReloads, rejections }
}

function configGauges(instruments: Instruments, readings: GatewayReadings): void {
  instruments.gauge(
    'config_last_reload_successful',
    'Whether the last attempt to load the configuration succeeded (1) or was refused (0).',
    [],
    (gauge) => gauge.set(readings.lastReloadSuccessful() ? 1 : 0),
  )
  instruments.gauge('config_info', 'The configuration that serves, by its hash. Always 1.', ['hash'], (gauge) =>
    gauge.set(1, readings.configHash()),
  )
  instruments.gauge(
    'tls_certificate_expiry_timestamp_seconds',
    'When a certificate of a listener expires, in seconds since the epoch.',
    ['name'],
    (gauge) => {
      for (const [name, expiresAt] of readings.certificates()) gauge.set(expiresAt, name)
    },
  )
}

function trafficGauges(instruments: Instruments, readings: GatewayReadings): void {
  instruments.gauge('inflight_requests', 'Requests that have begun and not ended.', [], (gauge) =>
    gauge.set(readings.inflightRequests()),
  )
  instruments.gauge('connections', 'Open client connections, by kind.', ['kind'], (gauge) => {
    for (const [kind, count] of readings.connections()) gauge.set(count, kind)
  })
  instruments.gauge('upstream_connections', 'Connections to an upstream, by state.', ['upstream', 'state'], (gauge) => {
    for (const [upstream, state, count] of readings.upstreamConnections()) gauge.set(count, upstream, state)
  })
}
