/** A bound on decisions: a plugin that waits for what a dry run never brings must not keep a reload, or anybody else, waiting. */
import { setTimeout } from 'node:timers/promises'
import { DescriptionError } from './described-request.ts'

const LONGEST_MS = 10_000

/** Rejects with DescriptionError when nothing was decided in time. */
export async function inTime<Decided>(run: Promise<Decided>, longestMs = LONGEST_MS): Promise<Decided> {
  const timer = new AbortController()
  const late = setTimeout(longestMs, null, { signal: timer.signal }).then(
    () => Promise.reject(new DescriptionError('url', `a plugin has not decided within ${longestMs / 1000} s`)),
    // Aborted: something was decided.
    () => run,
  )
  try {
    return await Promise.race([run, late])
  } finally {
    timer.abort()
  }
}
