/**
 * Two sockets joined: what one sends, the other gets, as fast as it takes it. An end is passed on as an end (half-close); the
 * death of one side takes the other with it.
 */
import type { Socket } from 'node:net'

/** A side that has said its last word is not waited for longer than this while the other is silent. */
const HALF_CLOSED_MS = 10_000
/** How long a side may take to answer a polite end. */
const FAREWELL_MS = 1000

export class Tunnel {
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #idleMs: number
  #isClosing = false

  /** Both may have ended already, or be gone. `idleMs`: the longest silence of both together. */
  constructor(client: Socket, upstream: Socket, idleMs: number) {
    this.#client = client
    this.#upstream = upstream
    this.#idleMs = idleMs
    this.#watch(client, upstream)
    this.#watch(upstream, client)
    this.#limitSilence(idleMs)
    client.pipe(upstream)
    upstream.pipe(client)
    if (client.destroyed) upstream.destroy()
    else if (upstream.destroyed) client.destroy()
  }

  /** Ends both directions once what was read has been written; what is not over a second later is cut. */
  close(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    const both = [this.#client, this.#upstream]
    this.#client.unpipe(this.#upstream)
    this.#upstream.unpipe(this.#client)
    for (const socket of both) {
      socket.resume()
      socket.end()
    }
    const farewell = setTimeout(() => both.forEach((socket) => void socket.destroy()), FAREWELL_MS)
    farewell.unref()
    this.#client.once('close', () => clearTimeout(farewell))
  }

  #watch(side: Socket, other: Socket): void {
    side.on('error', () => side.destroy())
    side.on('timeout', () => this.#cut())
    side.on('end', () => this.#limitSilence(Math.min(this.#idleMs, HALF_CLOSED_MS)))
    side.on('close', () => {
      // After its end the other may still be taking its last bytes; without one there is nothing left to say.
      if (side.readableEnded) other.destroySoon()
      else other.destroy()
    })
  }

  /** Bytes in either direction touch both sockets, so both timers measure the silence of the tunnel. */
  #limitSilence(ms: number): void {
    this.#client.setTimeout(ms)
    this.#upstream.setTimeout(ms)
  }

  #cut(): void {
    this.#client.destroy()
    this.#upstream.destroy()
  }
}
