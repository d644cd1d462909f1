/** Memory for large bodies, used again. Bounded: many slow ones at a time get less each. */

/** Measured, CPU for a GB of bodies of 1 and of 100 MiB: 64 KiB 562 ms, 128 KiB 527 and 900, 256 KiB 518 and 620, 512 KiB 407 and 537. */
const LARGE = 512 * 1024
const SMALL = 64 * 1024
/** In use at a time: 64 MiB. */
const MOST_LARGE = 128
const MOST_SPARE = 32

const spare = new Map<number, Buffer[]>([
  [LARGE, []],
  [SMALL, []],
])
let large = 0

export function bodyBuffer(): Buffer {
  const size = large < MOST_LARGE ? LARGE : SMALL
  if (size === LARGE) large++
  return spare.get(size)!.pop() ?? Buffer.allocUnsafeSlow(size)
}

/** Nobody has a piece of it. */
export function recycle(buffer: Buffer): void {
  const unused = spare.get(buffer.length)!
  if (unused.length < MOST_SPARE) unused.push(buffer)
  drop(buffer)
}

/** It is left to whoever has a piece of it. */
export function drop(buffer: Buffer): void {
  if (buffer.length === LARGE) large--
}
