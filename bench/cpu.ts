/** What a program used, read from /proc: CPU time of every thread in nanoseconds, resident memory, open files. */
import { readdirSync, readFileSync } from 'node:fs'

/** CPU time by thread, in nanoseconds. */
export type CpuReading = ReadonlyMap<number, number>

/** Lists a process and all its descendants: nginx works in a child of the process that was started. */
export function processTree(pid: number): number[] {
  const children = threads(pid).flatMap((thread) => {
    const listed = read(`/proc/${pid}/task/${thread}/children`).trim()
    return listed === '' ? [] : listed.split(' ').map(Number)
  })
  return [pid, ...children.flatMap(processTree)]
}

/** Reads the CPU time of every thread: `/proc/PID/stat` counts in ticks of 10 ms, schedstat in nanoseconds. */
export function readCpu(pids: readonly number[]): CpuReading {
  const reading = new Map<number, number>()
  for (const pid of pids) {
    for (const thread of threads(pid)) {
      const spent = Number.parseInt(read(`/proc/${pid}/task/${thread}/schedstat`), 10)
      if (!Number.isNaN(spent)) reading.set(thread, spent)
    }
  }
  return reading
}

/** Nanoseconds between two readings; a thread that ended in between is left out rather than counted negative. */
export function cpuBetween(before: CpuReading, after: CpuReading): number {
  let spent = 0
  for (const [thread, total] of after) spent += total - (before.get(thread) ?? 0)
  return spent
}

/** Resident bytes, summed over the processes; pages that nginx's master and worker share count twice. */
export function readRss(pids: readonly number[]): number {
  let bytes = 0
  for (const pid of pids) {
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1]
    bytes += Number(kibibytes ?? 0) * 1024
  }
  return bytes
}

/** Counts the open file descriptors of one process. */
export function countOpenFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

function threads(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number)
  } catch {
    return []
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
