/**
 * Holds a request back until the event loop has polled: bytes or a FIN that were already there when a kept connection was
 * taken are seen before the request is written, so they can neither pass for its response nor cost it a repetition. All
 * requests of one turn share one immediate. A byte that arrives later than that cannot be told from an answer.
 */

export interface Settling {
  /** The turn in which the connection became idle. */
  readonly freedAt: number
  settled(): void
}

let turn = 0
let isScheduled = false
let waiting: Settling[] = []
let spare: Settling[] = []

/** Notes that a connection became idle, returns the turn. */
export function noteFreed(): number {
  schedule()
  return turn
}

/** Whether no poll has happened since that turn: whoever takes such a connection waits longest. */
export function isFresh(freedAt: number): boolean {
  return freedAt === turn
}

/** Calls `settled` once every event that was pending when the connection was freed has been handled. */
export function afterPoll(connection: Settling): void {
  waiting.push(connection)
  schedule()
}

function schedule(): void {
  if (isScheduled) return
  isScheduled = true
  setImmediate(tick)
}

function tick(): void {
  isScheduled = false
  turn++
  const due = waiting
  waiting = spare
  spare = due
  for (const connection of due) {
    // The tick that ends the turn of `freedAt` follows the poll that freed it: only the next one follows a poll of its own.
    if (turn - connection.freedAt < 2) waiting.push(connection)
    else connection.settled()
  }
  due.length = 0
  if (waiting.length > 0) schedule()
}
