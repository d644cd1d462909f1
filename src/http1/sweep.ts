/** One coarse timer for every deadline of every pool: a request costs a number, not a timer. */

import { performance } from 'node:perf_hooks'

export interface Swept {
  /** Ends what is overdue. */
  sweep(now: number): void
}

const GRANULARITY_MS = 100

const open = new Set<Swept>()
let timer: NodeJS.Timeout | undefined

/** Sweeps `member` from now on, until `endSweeping`; the timer never keeps the process alive. */
export function beginSweeping(member: Swept): void {
  open.add(member)
  timer ??= setInterval(sweepAll, GRANULARITY_MS).unref()
}

export function endSweeping(member: Swept): void {
  open.delete(member)
  if (open.size > 0) return
  clearInterval(timer)
  timer = undefined
}

/** Milliseconds of a clock that never jumps. */
export function now(): number {
  return performance.now()
}

function sweepAll(): void {
  const time = now()
  for (const member of open) member.sweep(time)
}
