/** A body on its way through Fastify: counted, and given up when the client does not take it. */
import type { ServerResponse } from 'node:http'
import { Transform } from 'node:stream'
import type { Exchange } from '../exchange/exchange.ts'
import { endStall, watchStall } from '../proxy/stall.ts'

export class Passage extends Transform {
  readonly #exchange: Exchange
  readonly #idleMs: number

  constructor(exchange: Exchange, idleMs: number) {
    super({ highWaterMark: 64 * 1024 })
    this.#exchange = exchange
    this.#idleMs = idleMs
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error: null, chunk: Buffer) => void): void {
    this.#exchange.sent += chunk.length
    // What stands here while the response waits to be drained waits behind it.
    // Foreign plugins run on Node's own objects alone.
    const response = this.#exchange.response as ServerResponse
    if (response.writableNeedDrain) {
      watchStall(this.#exchange, this.#idleMs)
      response.once('drain', () => endStall(response))
    }
    done(null, chunk)
  }
}
