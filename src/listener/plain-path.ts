/** The plain connections of one listener: their limits, the clock over their silences, and how they end. */

import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { Limits } from '../config/config.ts'
import { inPieces } from '../pace.ts'
import type { Problem } from '../problem.ts'
import { malformed, problemBytes } from './bare-problem.ts'
import { PlainConnection, type PlainOwner } from './plain-connection.ts'
import { PlainHeadReader } from './plain-head.ts'
import type { PlainRequest } from './plain-request.ts'
import type { PlainResponse } from './plain-response.ts'

export interface PlainPathOptions {
  /** Makes a connection Node's own. */
  readonly handOver: (socket: Socket) => void
  readonly take: (request: PlainRequest, response: PlainResponse) => boolean
  readonly isDraining: () => boolean
}

/** How long a new connection may take to ask for something once the listener has closed. */
const FIRST_REQUEST_MS = 1000
/** How often heads that are too slow, and connections idle for too long, are looked for. */
const SWEEP_MS = 1000

export class PlainPath implements PlainOwner {
  heads = new PlainHeadReader({ maxHeadBytes: 0, maxHeaders: 0, maxTarget: 0 })
  headTimeoutMs = 0
  idleTimeoutMs = 0
  stallMs = 0
  readonly #options: PlainPathOptions
  readonly #open = new Set<PlainConnection>()
  #sweeper: NodeJS.Timeout | null = null

  constructor(options: PlainPathOptions) {
    this.#options = options
  }

  /** What is over these limits is left to Node and to admission, which say so. */
  limit(limits: Limits): void {
    const { headerBytes, headers, requestLine } = limits
    this.heads = new PlainHeadReader({ maxHeadBytes: headerBytes, maxHeaders: headers, maxTarget: requestLine })
    this.headTimeoutMs = limits.headTimeoutMs
    this.idleTimeoutMs = limits.idleTimeoutMs
    this.stallMs = limits.bodyIdleMs
  }

  get draining(): boolean {
    return this.#options.isDraining()
  }

  open(socket: Socket): void {
    this.#open.add(new PlainConnection(socket, this))
    this.#sweeper ??= setInterval(() => void this.#sweep(), SWEEP_MS).unref()
  }

  take(request: PlainRequest, response: PlainResponse): boolean {
    return this.#options.take(request, response)
  }

  handOver(connection: PlainConnection, unread: Buffer): void {
    this.gone(connection)
    const { socket } = connection
    if (socket.readableEnded || socket.destroyed) {
      socket.destroy()
      return
    }
    socket.pause()
    socket.unshift(unread)
    this.#options.handOver(socket)
    socket.resume()
  }

  gone(connection: PlainConnection): void {
    this.#open.delete(connection)
    if (this.#open.size > 0 || this.#sweeper === null) return
    clearInterval(this.#sweeper)
    this.#sweeper = null
  }

  lateHead(): string {
    return problemBytes(malformed('ERR_HTTP_REQUEST_TIMEOUT'))
  }

  brokenHead(): string {
    return problemBytes(malformed('HPE_INVALID_EOF_STATE'))
  }

  brokenBody(): Problem {
    return malformed('HPE_INVALID_EOF_STATE')
  }

  /** Those that were accepted a moment ago have their first request on its way: it is answered, and is the last. */
  closeIdle(): void {
    for (const connection of this.#open) if (connection.isIdle && connection.hasServed) connection.socket.destroy()
    const late = () => {
      for (const connection of this.#open) if (connection.isIdle) connection.socket.destroy()
    }
    setTimeout(late, FIRST_REQUEST_MS).unref()
  }

  destroy(): void {
    for (const connection of this.#open) connection.socket.destroy()
  }

  #sweep(): Promise<void> {
    const now = performance.now()
    return inPieces(this.#open, (connection) => connection.sweep(now))
  }
}
