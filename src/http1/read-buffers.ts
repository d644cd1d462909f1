/** The memory responses are read into: one shared buffer for heads and small bodies, recycled ones for large bodies. */

/** Valid for one read callback only; one for all is safe because a poll of the loop reads and hands over one socket at a time. */
export const SHARED_SIZE = 64 * 1024
/** Measured: 64 KiB costs 562 ms of CPU per GB, 256 KiB 325 ms, 1 MiB 298 ms. */
const BODY_SIZE = 256 * 1024
const MAX_SPARE = 32

const shared = Buffer.allocUnsafeSlow(SHARED_SIZE)
const spare: Buffer[] = []

/** libuv on Windows starts a read long before it ends: there every connection needs its own. */
export function sharedBuffer(): Buffer {
  return process.platform === 'win32' ? Buffer.allocUnsafeSlow(SHARED_SIZE) : shared
}

export function takeBodyBuffer(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(BODY_SIZE)
}

/** Only for a buffer nobody holds a piece of: after a failure let it go instead. */
export function giveBack(buffer: Buffer): void {
  if (spare.length < MAX_SPARE) spare.push(buffer)
}
