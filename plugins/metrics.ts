/** Counts and times every exchange of its routes for Prometheus. Series are looked up once, not for each request. */
import type { Exchange, Instruments, RouteInfo, Scope, Traits } from '#gateway'

export const schema = {
  type: 'object',
  description: 'Counts and times requests for Prometheus. Usually the first of the global `plugins`.',
  additionalProperties: false,
  properties: {},
} as const

export const traits: Traits = {}

const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const overheadBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

/** Any other method is counted as OTHER: clients must not be able to make series. */
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE']
const sources = ['upstream', 'gateway', 'cache'] as const

export default function metrics(scope: Scope): void {
  // Carried, so that the plugin in two chains of one route is one counter: the exchange calls one function once.
  const recorder = scope.carry('recorder', () => new Recorder(scope.metrics))

  scope.addHook('onRequest', function watch({ exchange }) {
    if (!exchange.dry) exchange.onClose(recorder.count)
    exchange.decide('skip', 'counts-at-the-end')
  })
}

type Families = ReturnType<typeof declare>
type Series<F extends keyof Families> = ReturnType<Families[F]['series']>

class Recorder {
  readonly #families: Families
  readonly #noRoute: RouteSeries
  /** By the route object, not its name: a route that is removed and comes back begins with new series. */
  readonly #routes = new WeakMap<RouteInfo, RouteSeries>()

  constructor(instruments: Instruments) {
    this.#families = declare(instruments)
    this.#noRoute = new RouteSeries(this.#families, '_none')
  }

  readonly count = (exchange: Exchange): void => {
    const route = exchange.route === null ? this.#noRoute : this.#seriesOf(exchange.route)
    const { outcome, upstreamMs, upstreamName } = exchange
    route.requests(exchange.facts.method, outcome, exchange.reply.source).inc()
    route.duration(outcome).observe(exchange.durationMs / 1000)
    route.overhead.observe(exchange.overheadMs / 1000)
    if (upstreamMs !== null && upstreamName !== null) route.upstream(upstreamName).observe(upstreamMs / 1000)
  }

  #seriesOf(route: RouteInfo): RouteSeries {
    let series = this.#routes.get(route)
    if (series === undefined) {
      series = new RouteSeries(this.#families, route.name)
      this.#routes.set(route, series)
    }
    return series
  }
}

/** The series of one route, found by number instead of by label. */
class RouteSeries {
  readonly overhead: Series<'overhead'>
  readonly #families: Families
  readonly #name: string
  readonly #requests = new Map<number, Series<'requests'>>()
  readonly #durations: Series<'duration'>[] = []
  readonly #upstreams = new Map<string, Series<'upstream'>>()

  constructor(families: Families, name: string) {
    this.#families = families
    this.#name = name
    this.overhead = families.overhead.series(name)
  }

  requests(method: string, status: number, source: (typeof sources)[number]): Series<'requests'> {
    const methodIndex = methods.indexOf(method)
    const key = (status * sources.length + sources.indexOf(source)) * (methods.length + 1) + methodIndex + 1
    let series = this.#requests.get(key)
    if (series === undefined) {
      series = this.#families.requests.series(this.#name, methods[methodIndex] ?? 'OTHER', String(status), source)
      this.#requests.set(key, series)
    }
    return series
  }

  duration(status: number): Series<'duration'> {
    const codeClass = Math.floor(status / 100)
    this.#durations[codeClass] ??= this.#families.duration.series(this.#name, `${codeClass}xx`)
    return this.#durations[codeClass]
  }

  upstream(name: string): Series<'upstream'> {
    let series = this.#upstreams.get(name)
    if (series === undefined) {
      series = this.#families.upstream.series(name)
      this.#upstreams.set(name, series)
    }
    return series
  }
}

function declare(instruments: Instruments) {
  return {
    requests: instruments.counter(
      'http_requests_total',
      'Requests by route, method, status and who made the answer: upstream, gateway or cache. Code 499: the client left before the end.',
      ['route', 'method', 'code', 'source'],
    ),
    duration: instruments.histogram(
      'http_request_duration_seconds',
      'Time from the request head to the last byte of the answer.',
      ['route', 'code_class'],
      durationBuckets,
    ),
    overhead: instruments.histogram(
      'overhead_seconds',
      'Time the gateway itself took: from the request head until it asked the upstream, or to the end where it answered without. Bodies in transfer are not in it.',
      ['route'],
      overheadBuckets,
    ),
    upstream: instruments.histogram(
      'upstream_duration_seconds',
      'Time from asking the upstream to its response head, connecting included; or to the end where no head came.',
      ['upstream'],
      durationBuckets,
    ),
  }
}
