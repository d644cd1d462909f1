/** An upstream's response body as a Node stream, for chains that change bodies. Others never pay for one. */
import { Readable } from 'node:stream'

export class UpstreamBody extends Readable {
  readonly #resume: () => void
  readonly #abort: () => void
  #paused = false

  constructor(wire: { resume: () => void; abort: () => void }) {
    super({ highWaterMark: 64 * 1024 })
    this.#resume = wire.resume
    this.#abort = wire.abort
  }

  /** Takes one piece off the wire (copied: the wire's buffer is used again). False pauses the wire. */
  feed(chunk: Buffer): boolean {
    this.#paused = !this.push(Buffer.from(chunk))
    return !this.#paused
  }

  finish(): void {
    this.push(null)
  }

  override _read(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.readableEnded) this.#abort()
    done(error)
  }
}
