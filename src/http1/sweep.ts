/** One coarse timer for every deadline of every pool: a request costs a number, not a timer. */

import { performance } from 'node:perf_hooks'
import { inPieces } from '../pace.ts'

export interface Swept {
  /** Ends what is overdue. */
  sweep(now: number): void
}

const GRANULARITY_MS = 100

const open = new Set<Swept>()
let timer: NodeJS.Timeout | undefined
let isSweeping = false

/** Sweeps `member` from now on, until `endSweeping`; the timer never keeps the process alive. */
export function beginSweeping(member: Swept): void {
  open.add(member)
  timer ??= setInterval(() => void sweepAll(), GRANULARITY_MS).unref()
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

/** Ten thousand pools take some milliseconds. */
async function sweepAll(): Promise<void> {
  if (isSweeping) return
  isSweeping = true
  try {
    await inPieces(open, (member) => member.sweep(now()))
  } finally {
    isSweeping = false
  }
}
