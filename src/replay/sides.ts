/** Which upstreams a request may have been sent to under the new config: several where no log can tell the side of a split. */
import type { DryRun } from '../generation/dry-run.ts'
import type { Route } from '../generation/route.ts'
import type { LogRecord } from './record.ts'
import { shownInLog } from './shown.ts'

export function sidesOf({ exchange }: DryRun, record: LogRecord): readonly string[] {
  const { upstreamName } = exchange
  if (upstreamName === null) return none
  const split = (exchange.route as Route | null)?.split ?? null
  if (split === null) return [upstreamName]
  const by = splitIn(exchange.decisions)?.inputs['by']
  if (isKnown(by, record)) return [upstreamName]
  // The same cookie, or the same draw, falls into the same place of any split.
  const logged = splitIn(record.decisions())?.inputs
  const point = logged?.['by'] === by ? logged?.['point'] : null
  if (typeof point === 'number') return [split.at(point).name]
  return split.shares.filter(({ weight }) => weight > 0).map(({ upstream }) => upstream.name)
}

function splitIn<D extends { readonly plugin: string; readonly reason: string }>(
  decisions: readonly D[],
): D | undefined {
  return decisions.find(({ plugin, reason }) => plugin === 'upstream' && reason === 'split')
}

/** Chance and cookies are not in a log, and a header only where the old config, or the log, reads it. */
function isKnown(by: unknown, { headers }: LogRecord): boolean {
  if (by === 'ip' || by === 'consumer') return true
  if (typeof by !== 'string' || !by.startsWith('header:')) return false
  return shownInLog(headers[by.slice('header:'.length)]).length > 0
}

const none: readonly string[] = Object.freeze([])
