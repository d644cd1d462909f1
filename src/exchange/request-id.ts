/** Request ids: UUIDv7 (RFC 9562 §5.7), time-ordered. */
import { RandomTexts } from './random-text.ts'

const tails = new RandomTexts('7rrr-vrrr-rrrrrrrrrrrr')
let lastTime = 0
let timeText = ''

/** A fresh UUIDv7. */
export function requestId(): string {
  const now = Date.now()
  if (now !== lastTime) {
    const hex = now.toString(16).padStart(12, '0')
    timeText = `${hex.slice(0, 8)}-${hex.slice(8)}-`
    lastTime = now
  }
  return timeText + tails.next()
}
