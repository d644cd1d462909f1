/** The processes that read large files, and the one that starts them, as Linux knows them. */
import { readdirSync, readFileSync } from 'node:fs'

/** Processes that read a file for this one, or for another. */
export function readers(gateway?: number): number[] {
  return starters(gateway).flatMap(childrenOf)
}

/** Processes that start those. */
export function starters(gateway: number = process.pid): number[] {
  return childrenOf(gateway).filter((pid) => commandOf(pid).includes('loading/starter.js'))
}

function childrenOf(parent: number): number[] {
  try {
    const threads = readdirSync(`/proc/${parent}/task`)
    const lists = threads.map((thread) => readFileSync(`/proc/${parent}/task/${thread}/children`, 'utf8'))
    return lists.flatMap((list) =>
      list
        .split(' ')
        .filter((pid) => pid.trim() !== '')
        .map(Number),
    )
  } catch {
    // It has ended since.
    return []
  }
}

/** Empty: it has ended. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    // It has ended since.
    return ''
  }
}
