/** Puts a target under watch where its upstream says so: what the watch finds goes to the target's state, and to the log once. */
import type { UpstreamConfig } from '../config/config.ts'
import type { Siblings } from '../state/siblings.ts'
import type { BreakerState } from './breaker.ts'
import { mayEject } from './health-passive.ts'
import type { Target } from './target.ts'
import { TargetWatch, type WatchEvents } from './target-watch.ts'

/** Where turns are told. */
export interface TurnLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface Watcher {
  readonly log: TurnLog
  /** The other threads, which watch the same targets; null where there are none. */
  readonly siblings: Siblings | null
}

export function watched(target: Target, { breaker, health }: UpstreamConfig, { log, siblings }: Watcher): Target {
  const passive = health?.passive ?? null
  if (breaker === null && passive === null) return target
  const named = { upstream: target.upstream, target: target.url }
  const topic = `breaker ${target.upstream} ${target.url}`
  const unlisten =
    breaker === null ? undefined : siblings?.listen(topic, (state) => target.watch!.heard(state as BreakerState))
  const events: WatchEvents = {
    turned: () => publish(target),
    breakerTurned(state) {
      siblings?.tell(topic, state)
      if (state === 'open') log.warn({ ...named, openMs: breaker!.openMs }, 'a circuit breaker opened')
      else log.info(named, `a circuit breaker is ${state}`)
    },
    mayEject: () => mayEject(passive!, target.peers.filter(isEjected).length, target.peers.length),
    ejected: (reason, forMs) => log.warn({ ...named, reason, forMs }, 'a target is ejected for its failures'),
    readmitted: () => log.info(named, 'a target is readmitted'),
    closed: () => unlisten?.(),
  }
  target.watch = new TargetWatch({ breaker, passive }, events)
  return target
}

function isEjected({ watch }: Target): boolean {
  return watch !== null && watch.ejection !== null
}

/** Says in the target's state what its watch finds, unless the newest config has the target watched otherwise. */
export function publish({ state, watch }: Target): void {
  if (watch === null || !state.isJudgedBy(watch)) return
  state.breaker = watch.breaker
  state.isTried = watch.isTried
  state.judge('passive', watch.ejection)
}
