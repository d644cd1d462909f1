/**
 * Memory for the answers that one turn of the event loop makes, until they leave at its end. As strings, bodies of some KiB would fill
 * the young heap, and collecting it would be the dearest part of passing them on (measured: a fifth of all CPU at 10 KiB).
 */
import { Buffer } from 'node:buffer'

const SIZE = 128 * 1024
const MOST_SPARE = 8

export class AnswerPage {
  readonly bytes = Buffer.allocUnsafeSlow(SIZE)
  used = 0
  /** The kernel has not taken all that was sent from it: it belongs to that write for good. */
  isPinned = false
}

let current = new AnswerPage()
let full: AnswerPage[] = []
const spare: AnswerPage[] = []

/** A page with that much room at its end; `length` is less than a whole one. */
export function pageWithRoom(length: number): AnswerPage {
  if (!current.isPinned && current.used + length <= SIZE) return current
  full.push(current)
  current = spare.pop() ?? new AnswerPage()
  return current
}

/** All that stood in pages has been sent. */
export function turnSent(): void {
  if (current.used === 0) return
  for (const page of full) free(page)
  full = []
  if (current.isPinned) current = spare.pop() ?? new AnswerPage()
  else current.used = 0
}

function free(page: AnswerPage): void {
  if (page.isPinned || spare.length === MOST_SPARE) return
  page.used = 0
  spare.push(page)
}
