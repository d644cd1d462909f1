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
let waitingCount = 0
let spare: Settling[] = []
/** In a list that is kept, the places of those that have gone: to shorten it costs more than all else here. */
const nobody: Settling = { freedAt: 0, settled() {} }

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
  waiting[waitingCount++] = connection
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
  const count = waitingCount
  waiting = spare
  waitingCount = 0
  spare = due
  for (let i = 0; i < count; i++) {
    const connection = due[i]!
    due[i] = nobody
    // The tick that ends the turn of `freedAt` follows the poll that freed it: only the next one follows a poll of its own.
    if (turn - connection.freedAt < 2) waiting[waitingCount++] = connection
    else connection.settled()
  }
  if (waitingCount > 0) schedule()
}
