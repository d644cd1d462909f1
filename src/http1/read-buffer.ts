/** The memory messages are read into: one shared buffer for heads and small bodies, recycled ones for large bodies. */
import { bodyBuffer, drop, recycle } from './body-buffers.ts'

/** Valid for one read callback only; one for all is safe because the loop reads one socket and hands over before the next. */
const SHARED_SIZE = 64 * 1024
export const sharedBuffer = Buffer.allocUnsafeSlow(SHARED_SIZE)

/** What one connection reads into. */
export class ReadBuffer {
  #own: Buffer | undefined
  #isReadInto = false
  #wantsOwn = false
  /** Not read into any more, and not free either. */
  #left: Buffer | undefined

  /** The first buffer. libuv on Windows starts a read long before it ends: there every connection needs its own. */
  first(): Buffer {
    return process.platform === 'win32' ? Buffer.allocUnsafeSlow(SHARED_SIZE) : sharedBuffer
  }

  /** Asked after every read: another buffer, or undefined to keep the present one. */
  next(isRunning: boolean): Buffer | undefined {
    if (!isRunning) {
      const next = this.leave()
      this.free()
      return next
    }
    if (this.#isReadInto || !this.#wantsOwn) return undefined
    this.#isReadInto = true
    return this.#takeOwn()
  }

  /** A body goes on after a read of `length` bytes, `remaining` more to come or -1. */
  expect(remaining: number, length: number): void {
    this.#wantsOwn = remaining > SHARED_SIZE || (remaining < 0 && length === SHARED_SIZE)
  }

  /** A copy of a piece, of at most the size of the shared buffer, in memory of its own. What stood there is over. */
  hold(piece: Buffer): Buffer {
    const own = this.#takeOwn()
    return own.subarray(0, piece.copy(own))
  }

  /** Whether nobody else reads into it, so that a piece of it lasts as long as reading pauses. */
  owns(piece: Buffer): boolean {
    return this.#own !== undefined && piece.buffer === this.#own.buffer
  }

  /** Reading goes on elsewhere; what was read stays, until `free`. Undefined: it goes on where it was. */
  leave(): Buffer | undefined {
    const next = this.#isReadInto ? this.first() : undefined
    this.#left ??= this.#own
    this.#disown()
    return next
  }

  /** Nobody needs what was read there. */
  free(): void {
    if (this.#left !== undefined) recycle(this.#left)
    this.#left = undefined
    if (this.#isReadInto) return
    if (this.#own !== undefined) recycle(this.#own)
    this.#disown()
  }

  /** Leaves the buffer to whoever still holds a piece: after a failure the client may be sent from it yet. */
  forget(): void {
    for (const buffer of [this.#left, this.#own]) if (buffer !== undefined) drop(buffer)
    this.#left = undefined
    this.#disown()
  }

  #disown(): void {
    this.#own = undefined
    this.#isReadInto = false
    this.#wantsOwn = false
  }

  #takeOwn(): Buffer {
    this.#own ??= bodyBuffer()
    return this.#own
  }
}

/** Smaller pieces are copied for less than a buffer of its own costs. */
const WORTH_HOLDING = 4096

/** Whether a read buffer of its own is worth its while for a piece that came in the shared one. */
export function isWorthHolding({ length }: Buffer): boolean {
  return length >= WORTH_HOLDING && length <= sharedBuffer.length
}
