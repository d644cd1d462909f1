/** The moment at which a listener may close: the system resets the connections that wait to be accepted then. */
import { performance } from 'node:perf_hooks'

/** A turn of the event loop that took no longer has found nothing to accept, nor anything else to do. */
const CALM_MS = 0.05
const PATIENCE_MS = 1000

/** Resolves right after a turn in which nothing happened: what waits can only have come since. Gives up waiting after a second. */
export async function calm(): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  let began: number
  do {
    began = performance.now()
    await new Promise(setImmediate)
  } while (performance.now() - began > CALM_MS && performance.now() < deadline)
}
