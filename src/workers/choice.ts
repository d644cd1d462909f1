/** One thread or several: what serves, by how many threads there are to be. */
import { randomBytes } from 'node:crypto'
import type { PluginCatalog } from '../config/plugin-catalog.ts'
import { aloneInThisThread } from '../serving/alone.ts'
import type { Server } from '../serving/server.ts'
import { Fleet, type FleetParts } from './fleet.ts'
import { canSharePorts, heapMiB, ThreadsError } from './threads.ts'
import type { WorkerBounds } from './worker-handle.ts'

export interface ServerParts extends Omit<FleetParts, 'threads' | keyof WorkerBounds>, ThreadBounds {
  /** Of the thread that supervises. */
  readonly catalog: PluginCatalog
}

/** Of each of several threads, where it is not to be as ever: the heap by the memory that there is. */
export type ThreadBounds = Partial<WorkerBounds>

/** What tells this process from others, made up anew each time. */
export function ownIdentity(): Pick<ServerParts, 'name' | 'ticketSecret'> {
  return { name: `sluice-${randomBytes(4).toString('hex')}`, ticketSecret: randomBytes(32) }
}

/** Throws ThreadsError where the system cannot do it. */
export function serverOf(threads: number, parts: ServerParts): Server {
  if (threads === 1) return aloneInThisThread(parts)
  if (!canSharePorts()) {
    throw new ThreadsError('threads-unsupported', 'this system does not spread connections over threads: it takes one')
  }
  return new Fleet({ ...parts, threads, heapMiB: parts.heapMiB ?? heapMiB(threads) })
}

/** Throws ThreadsError where a config wants another number of threads than serve. */
export function checkThreads({ workers }: Server, threads: number): void {
  if (workers.length === threads) return
  const message = `${workers.length} threads serve, not ${threads}: restart to change their number`
  throw new ThreadsError('threads-changed', message)
}
