/** What stands around the bytes of a chunked body, bounded: of chunk extensions Node's parser counts names and values, and no other byte. */
import type { Socket } from 'node:net'
import type { Exchange } from '../exchange/exchange.ts'
import { Problem } from '../problem.ts'

/** The extensions of a short body, and what has come that nobody has looked at: Node reads 64 KiB of a body ahead, and what stands around it. */
const FREE_BYTES = 2 * 1024 * 1024
/** For each byte of the body. Chunks of one byte have five around it. */
const BYTES_EACH = 16
const CHECK_MS = 1000

export class ChunkFraming {
  readonly #exchange: Exchange
  readonly #socket: Socket
  readonly #from: number
  readonly #refuse: (problem: Problem) => void
  readonly #clock: NodeJS.Timeout

  /** `refuse` is called from `check`, and by a clock: a chunk line that never ends brings no piece of the body to check it with. */
  constructor(exchange: Exchange, refuse: (problem: Problem) => void) {
    this.#exchange = exchange
    this.#socket = exchange.raw!.socket
    this.#from = this.#socket.bytesRead
    this.#refuse = refuse
    this.#clock = setInterval(() => this.check(), CHECK_MS).unref()
  }

  /** Whether the connection has brought more than what is received of the body can need. What comes behind a body is not its own. */
  check(): void {
    const { raw, received } = this.#exchange
    if (raw!.complete || this.#socket.bytesRead - this.#from <= FREE_BYTES + received * BYTES_EACH) return
    const headers = ['connection', 'close']
    this.#refuse(new Problem('bad-request', 'There is too much around the chunks of the body.', { headers }))
  }

  end(): void {
    clearInterval(this.#clock)
  }
}
