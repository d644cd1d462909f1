/** How many threads serve, and how much memory each may take. */
import { availableParallelism, totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import type { Config } from '../config/config.ts'

/** Where connections to one port are spread over all who listen on it. Elsewhere one thread would get them all. */
const BALANCING: readonly string[] = ['linux', 'freebsd', 'aix', 'sunos']
/** Of the memory, for the heaps of all workers: the rest is for buffers, the supervisor and the system. */
const HEAP_SHARE = 0.75
const LEAST_HEAP_MIB = 128
const MIB = 1024 * 1024

interface Machine {
  readonly cores: number
  readonly platform: string
}

const here: Machine = { cores: availableParallelism(), platform: process.platform }

export function canSharePorts({ platform }: Pick<Machine, 'platform'> = here): boolean {
  return BALANCING.includes(platform)
}

/** `auto` is a thread per core, and no more than have a part of every bound on connections. */
export function threadsOf({ threads, outline }: Pick<Config, 'threads' | 'outline'>, machine = here): number {
  if (threads !== 'auto') return threads
  return canSharePorts(machine) ? Math.max(1, Math.min(machine.cores, outline.mostThreads)) : 1
}

/** The old-generation limit of each worker: V8's own (`--max-old-space-size` sets it), or less where the memory is not enough for all. */
export function heapMiB(threads: number): number {
  const constrained = process.constrainedMemory()
  const memory = constrained > 0 && constrained < totalmem() ? constrained : totalmem()
  const own = getHeapStatistics().heap_size_limit
  return Math.max(LEAST_HEAP_MIB, Math.floor(Math.min(own, (memory * HEAP_SHARE) / threads) / MIB))
}

/** The number of threads cannot be had. */
export class ThreadsError extends Error {
  readonly code: 'threads-changed' | 'threads-unsupported'

  constructor(code: ThreadsError['code'], message: string) {
    super(message)
    this.code = code
  }
}
