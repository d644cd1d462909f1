/** Request ids: UUIDv7 (RFC 9562 §5.7), time-ordered, from a pool of random bytes so that one costs no system call. */
import { randomFillSync } from 'node:crypto'

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const RANDOM_BYTES = 10
const pool = Buffer.allocUnsafeSlow(RANDOM_BYTES * 512)
let used = pool.length
let lastTime = 0
let timeText = ''

/** A fresh UUIDv7. */
export function requestId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const now = Date.now()
  if (now !== lastTime) {
    const hex = now.toString(16).padStart(12, '0')
    timeText = `${hex.slice(0, 8)}-${hex.slice(8)}-`
    lastTime = now
  }
  const at = used
  used += RANDOM_BYTES
  return (
    `${timeText}7${HEX[pool[at]!]!.slice(1)}${HEX[pool[at + 1]!]}-` +
    `${HEX[(pool[at + 2]! & 0x3f) | 0x80]}${HEX[pool[at + 3]!]}-` +
    `${HEX[pool[at + 4]!]}${HEX[pool[at + 5]!]}${HEX[pool[at + 6]!]}${HEX[pool[at + 7]!]}${HEX[pool[at + 8]!]}${HEX[pool[at + 9]!]}`
  )
}
