/** Serving in the thread that supervises: no messages, no shared memory, nothing that one thread does not need. */
import { MemoryCounters } from '../state/memory-counters.ts'
import { MemoryInFlight } from '../state/memory-in-flight.ts'
import { Serving, type ServingParts } from './serving.ts'

export function aloneInThisThread(
  parts: Pick<ServingParts, 'log' | 'metrics' | 'catalog' | 'name' | 'ticketSecret'>,
): Serving {
  const { log } = parts
  const counters = new MemoryCounters({
    onFull: (counter) => log.warn({ counter }, 'the rate-limit store is full: new keys share one window'),
  })
  return new Serving({
    ...parts,
    node: parts.name,
    counters,
    inFlight: new MemoryInFlight(),
    siblings: null,
    tally: new Float64Array(1),
    retired: () => {},
    ended: () => counters.close(),
  })
}
