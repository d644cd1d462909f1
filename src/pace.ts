/** Long work in pieces: whoever serves gives the event loop back to requests this often. */
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'

const PIECE_MS = 1
/** Of the young generation: where it is filled so far, it is collected between two pieces of work. V8's own is 80. */
const EARLY_PERCENT = 10
const USUAL_PERCENT = 80

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
 * From the next collection on, and until it is disposed of, young objects are collected early, in all threads. What long work
 * makes stays, and each collection copies all that stays: of a young generation that is full, 16 MiB, which holds requests up
 * for 10 to 40 ms.
 */
export function collectingEarly(): Disposable {
  collectAt(EARLY_PERCENT)
  return { [Symbol.dispose]: () => collectAt(USUAL_PERCENT) }
}

function collectAt(percent: number): void {
  setFlagsFromString(`--minor-gc-task-trigger=${percent}`)
}
