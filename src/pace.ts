/** Long work in pieces: whoever serves gives the event loop back to requests this often. */
import { setImmediate as turn } from 'node:timers/promises'

const PIECE_MS = 1

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
