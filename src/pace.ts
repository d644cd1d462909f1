/** Long work in pieces: whoever serves gives the event loop back to requests this often. */
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'

const PIECE_MS = 1
/** V8's flags while long work is done, and its own values of them. */
const FLAGS = [
  // Percent of the young generation: where it is filled so far, it is collected between two pieces of work.
  ['--minor-gc-task-trigger', 10, 80],
  // Percent of a page of young objects: where so much is in use, a full collection takes it over whole and copies nothing.
  ['--page-promotion-threshold', 10, 70],
] as const

export class Pace {
  #pieceEnd = performance.now() + PIECE_MS

  /** To be asked after each small part of the work; where it says so, `rest` is due. */
  get isOver(): boolean {
    return performance.now() >= this.#pieceEnd
  }

  /** Lets requests through. */
  async rest(): Promise<void> {
    await turn()
    this.#pieceEnd = performance.now() + PIECE_MS
  }
}

/** Looks at each item of a list, in pieces. */
export async function inPieces<Item>(list: Iterable<Item>, look: (item: Item) => void): Promise<void> {
  const pace = new Pace()
  for (const item of list) {
    look(item)
    if (pace.isOver) await pace.rest()
  }
}

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
