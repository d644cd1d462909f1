/**
 * Loaded into the gateway with `--import`: notes every turn of an event loop that lasted, by thread, in a file beside the config.
 * CPU time of the thread is noted too, since a machine that others use stops a thread in the middle of its turn.
 */
import { appendFileSync } from 'node:fs'
import { threadName } from 'node:worker_threads'

export interface Stall {
  /** `main`, or as the gateway calls its threads. */
  readonly thread: string
  /** When it was over: milliseconds since the epoch. */
  readonly at: number
  readonly wallMs: number
  readonly cpuMs: number
}

/** In the working directory of the gateway. */
export const stallFile = 'stalls.jsonl'
const notedMs = 3

/** The process that reads the file inherits what its parent is started with. */
const reads = process.connected === true

if (!reads && process.env['SLUICE_STALLS'] !== undefined) {
  let wall = performance.now()
  let cpu = process.threadCpuUsage()
  const look = () => {
    const { user, system } = process.threadCpuUsage(cpu)
    const now = performance.now()
    const wallMs = now - wall
    // Some kernels count by ticks of 4 ms, and those of the turns before with it.
    const cpuMs = Math.min((user + system) / 1000, wallMs)
    const stall: Stall = { thread: threadName || 'main', at: Date.now(), wallMs, cpuMs }
    if (stall.cpuMs > notedMs) appendFileSync(stallFile, `${JSON.stringify(stall)}\n`)
    wall = performance.now()
    cpu = process.threadCpuUsage()
  }
  setInterval(look, 1).unref()
}
