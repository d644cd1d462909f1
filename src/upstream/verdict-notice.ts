/** A verdict of active health checks, told to the log and to everyone that serves. */
import type { HealthVerdict } from './health-checks.ts'
import type { TargetNotice } from './target-states.ts'

interface VerdictLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export function noticeOf({ upstream, target, isUp, failure }: HealthVerdict, log: VerdictLog): TargetNotice {
  if (isUp) log.info({ upstream, target }, 'a target is up')
  else log.warn({ upstream, target, failure }, 'a target is down')
  return { upstream, target, up: isUp, ...(failure === null ? {} : { reason: failure }) }
}
