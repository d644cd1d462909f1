/** Counts what caches had for requests, for `sluice_cache_requests_total`, its series looked up once per route. */
import type { Exchange, Instruments } from '#gateway'
import type { Forwarded } from './cache-status.ts'
import type { Found } from './lookup.ts'

/**
 * `miss`: nothing was kept, or too long ago. `stale`: it was given in place of an upstream that failed. `bypass`: the
 * request could not, or did not want to, be answered from the cache.
 */
export type Result = 'hit' | 'miss' | 'stale' | 'bypass'

type Series = Readonly<Record<Result, { inc(): void }>>

/** In a dry exchange nothing is counted. */
export function tally(metrics: Instruments): (exchange: Exchange, result: Result) => void {
  const help = 'Requests by what the cache did for them: hit, miss, stale, bypass.'
  const family = metrics.counter('cache_requests_total', help, ['route', 'result'])
  const byRoute = new Map<string, Series>()

  return function count(exchange, result) {
    if (exchange.dry) return
    const route = exchange.route?.name ?? '_none'
    let series = byRoute.get(route)
    if (series === undefined) {
      const of = (result: Result) => family.series(route, result)
      series = { hit: of('hit'), miss: of('miss'), stale: of('stale'), bypass: of('bypass') }
      byRoute.set(route, series)
    }
    series[result].inc()
  }
}

export function resultOf(found: Found): Result {
  if (found.kind === 'hit') return 'hit'
  return missing.has(found.why) ? 'miss' : 'bypass'
}

const missing: ReadonlySet<Forwarded> = new Set(['uri-miss', 'vary-miss', 'stale'])
