/** Notices an upstream that has stopped taking what it is sent, from looks at a socket at long intervals. */
import type { Socket } from 'node:net'

export class StallWatch {
  /** Writes the kernel has taken whole; counted by their callbacks. */
  flushes = 0
  #seenFlushes = 0
  #seenUnsent = 0
  #since = 0

  begin(): void {
    this.#since = 0
  }

  /** How long the upstream has now taken nothing of what waits for it; 0 when nothing waits. */
  stalledMs(socket: Socket, time: number): number {
    const unsent = unsentBytes(socket)
    if (socket.writableLength === 0) this.#since = 0
    else if (this.#since === 0 || this.flushes !== this.#seenFlushes || unsent < this.#seenUnsent) this.#since = time
    this.#seenFlushes = this.flushes
    this.#seenUnsent = unsent
    return this.#since === 0 ? 0 : time - this.#since
  }
}

/** Bytes of the running write the kernel has not taken; the public count moves only when a write is done. */
function unsentBytes(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle: { writeQueueSize?: number } | null }
  return handle?.writeQueueSize ?? 0
}
