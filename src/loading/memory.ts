/** The memory of a process that has done its work. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Gives back what is garbage, a page of V8's at a time. With the end of the process all would go at once; a hypervisor that keeps
 * page tables of its own holds up the whole machine for that, 25 ms for 500 MB.
 */
export function giveMemoryBack(): void {
  setFlagsFromString('--expose-gc')
  const collect: NodeJS.GCFunction = runInNewContext('gc')
  // Any other keeps pages at hand.
  collect({ type: 'major', flavor: 'last-resort' })
}
