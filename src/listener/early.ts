/**
 * Connections that come before there is anything to serve: an address is bound before it is known whether all threads can take a
 * config, and beside another gateway clients come to it at once. They wait unread, in the place of their server's own listeners.
 */
import type { Server, Socket } from 'node:net'

type Connected = (socket: Socket) => void

/** Node reads from what it has accepted, unless this is set. */
type Pausing = Server & { pauseOnConnect: boolean }

export class EarlyConnections {
  readonly #server: Pausing
  readonly #listeners: readonly Connected[]
  readonly #waiting: Socket[] = []
  readonly #hold: Connected = (socket) => void this.#waiting.push(socket)
  #isHolding = true

  constructor(server: Server) {
    this.#server = server as Pausing
    this.#listeners = server.listeners('connection') as Connected[]
    server.removeAllListeners('connection')
    server.on('connection', this.#hold)
    this.#server.pauseOnConnect = true
  }

  /** From now on they are served, as all that come. */
  admit(): void {
    if (!this.#isHolding) return
    this.#isHolding = false
    const server = this.#server
    server.off('connection', this.#hold)
    server.pauseOnConnect = false
    for (const listener of this.#listeners) server.on('connection', listener)
    for (const socket of this.#waiting.splice(0)) {
      server.emit('connection', socket)
      socket.resume()
    }
  }

  /** They will not be served. */
  drop(): void {
    for (const socket of this.#waiting.splice(0)) socket.destroy()
  }
}
