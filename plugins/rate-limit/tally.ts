/** Counts decisions for `sluice_ratelimit_decisions_total`, its series looked up once per route. */
import type { Exchange, Instruments } from '#gateway'

/** `degraded`: let through without the shared count, because the store did not answer. */
export type LimitDecision = 'allow' | 'deny' | 'would_deny' | 'degraded'

type Series = Readonly<Record<LimitDecision, { inc(): void }>>

/** In a dry exchange nothing is counted. */
export function tally(metrics: Instruments): (exchange: Exchange, decision: LimitDecision) => void {
  const help =
    'Decisions of rate limits: allow, deny, would_deny (observe mode), degraded (let through while the store was down).'
  const family = metrics.counter('ratelimit_decisions_total', help, ['route', 'decision'])
  // Made for the first request: most of 10,000 limits may never see one.
  let byRoute: Map<string, Series> | null = null

  return function count(exchange, decision) {
    if (exchange.dry) return
    const route = exchange.route?.name ?? '_none'
    byRoute ??= new Map()
    let series = byRoute.get(route)
    if (series === undefined) {
      series = {
        allow: family.series(route, 'allow'),
        deny: family.series(route, 'deny'),
        would_deny: family.series(route, 'would_deny'),
        degraded: family.series(route, 'degraded'),
      }
      byRoute.set(route, series)
    }
    series[decision].inc()
  }
}
