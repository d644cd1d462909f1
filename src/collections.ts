/** When V8 collects garbage while requests are served: for as long as it pauses to do so, they wait. */
import { setFlagsFromString } from 'node:v8'
import { measureMemory } from 'node:vm'

/** V8's flags while long work is done, and its own values of them. */
const FLAGS = [
  // Percent of the young generation: where it is filled so far, it is collected between two pieces of work.
  ['--minor-gc-task-trigger', 10, 80],
  // Percent of a page of young objects: where so much is in use, a full collection takes it over whole and copies nothing.
  ['--page-promotion-threshold', 10, 70],
] as const

/**
 * From the next collection on, and until it is disposed of, collections hold requests up for less, in all threads. What long work
 * makes stays, and each collection copies all that stays: of a young generation that is full, 16 MiB, for 10 to 40 ms. So it is
 * collected early; and where V8 cannot, because a full collection is under way, its pages change hands.
 */
export function collectingGently(): Disposable {
  for (const [flag, gentle] of FLAGS) setFlagsFromString(`${flag}=${gentle}`)
  return {
    [Symbol.dispose]() {
      for (const [flag, , usual] of FLAGS) setFlagsFromString(`${flag}=${usual}`)
    },
  }
}

/** Whoever has fewer routes leaves no garbage to speak of. */
const MANY_ROUTES = 1000

/**
 * To be called when a config with so many routes is no longer served. In some 10 s this thread collects all its garbage, which is
 * found while it goes on. What many reloads have left is given back to the system in one pause, of 100 ms and more for 200 MB. V8
 * takes its time to begin by itself, and where a thread is hardly used it begins with packing its memory, in a pause again: that it
 * does not any more.
 */
export function collectAfter(routes: number): void {
  if (routes < MANY_ROUTES) return
  setFlagsFromString('--memory-reducer-gc-count=0')
  // It is asked for no other way: `gc` of all kinds stands still for the whole of it.
  withoutWarning(() => void measureMemory({ execution: 'default' }))
}

/** That it may change, which whoever reads a log has nothing to do with. */
function withoutWarning(act: () => void): void {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    act()
  } finally {
    process.emitWarning = emitWarning
  }
}
