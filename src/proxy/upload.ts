/** The request body on its way from the client to the upstream: streamed, counted, held back when the upstream is slow. */
import type { IncomingMessage } from 'node:http'
import type { Readable, Transform } from 'node:stream'
import type { Exchange } from '../exchange/exchange.ts'
import type { ClientRequest, RequestBody } from '../http1/client.ts'
import { Problem } from '../problem.ts'
import { ChunkFraming } from './chunk-framing.ts'
import { forwardableTrailers, trailersRefusal } from './trailers.ts'

/** How the body is framed towards the upstream: a transformed one has no known length. */
export function uploadFraming(exchange: Exchange): RequestBody {
  const { body } = exchange.facts
  if (body.kind === 'none') return body
  return exchange.upstreamRequest.transforms.length > 0 ? { kind: 'chunked' } : body
}

/** How an upload is done. */
export interface UploadOptions {
  /** How long the client may send nothing. */
  readonly idleMs: number
  /** Bytes of the body that are kept, to be sent again should the attempt fail. */
  readonly keep: number
  readonly events: UploadEvents
}

/** A body on its way to the upstream, as those see it who send its request. */
export interface BodyUpload {
  /** All of it could be sent by another attempt. */
  readonly isWhole: boolean
  start(request: ClientRequest): void
  /** The attempt failed: what the client sends waits for the next one. */
  hold(): void
  /** Sends what there was of the body once more, to another target; then the rest of it. Only while it `isWhole`. */
  restart(request: ClientRequest): void
  /** The upstream took what was written: go on. */
  drain(): void
  /** Nothing more is sent; what the client still sends is thrown away. */
  stop(): void
}

export interface UploadEvents {
  /** The body cannot be completed: the client left, sends too slowly, or a plugin refused a piece of it. */
  failed(problem: Problem): void
}

/** Below this many bytes the garbage collector does it as well. */
const WORTH_FREEING = 4096

export class Upload implements BodyUpload {
  readonly #raw: IncomingMessage
  readonly #exchange: Exchange
  readonly #events: UploadEvents
  readonly #idle: NodeJS.Timeout
  readonly #framing: ChunkFraming | null
  #source: Readable
  #request: ClientRequest | null = null
  #waiting = false
  /** All that was sent so far, as long as it fits; null: it cannot be sent again. */
  #kept: Buffer[] | null
  #room: number
  #ended = false
  /** Nobody but the upstream is given the body: no tap, no transform, no foreign listener. */
  #alone = false
  #done = false

  constructor(exchange: Exchange, raw: IncomingMessage, options: UploadOptions) {
    this.#exchange = exchange
    this.#raw = raw
    this.#source = raw
    this.#events = options.events
    this.#room = options.keep
    this.#kept = options.keep > 0 ? [] : null
    this.#idle = setTimeout(() => this.#tooSlow(), options.idleMs)
    const isChunked = exchange.facts.body.kind === 'chunked'
    this.#framing = isChunked ? new ChunkFraming(exchange, (problem) => this.#fail(problem)) : null
  }

  start(request: ClientRequest): void {
    this.#request = request
    if (this.#exchange.facts.expectsContinue) this.#exchange.response!.writeContinue()
    this.#raw.on('error', (error) => this.#fail(error instanceof Problem ? error : clientClosed()))
    this.#raw.on('close', () => {
      if (!this.#raw.complete) this.#fail(clientClosed())
    })
    try {
      for (const create of this.#exchange.upstreamRequest.transforms) this.#through(create())
    } catch (cause) {
      this.#fail(new Problem('plugin-failed', 'A plugin failed on the body.', { cause }))
      return
    }
    const { taps, transforms } = this.#exchange.upstreamRequest
    this.#alone =
      this.#kept === null && taps.length === 0 && transforms.length === 0 && this.#raw.listenerCount('data') === 0
    // Counted and judged as received, before any transform.
    if (this.#source !== this.#raw) this.#raw.on('data', (chunk: Buffer) => this.#inspect(chunk))
    this.#source.on('data', (chunk: Buffer) => this.#forward(chunk))
    this.#source.on('end', () => this.#finish())
    const brokenBy = this.#exchange.raw!.brokenBy ?? null
    if (brokenBy !== null) this.#fail(brokenBy)
  }

  #through(transform: Transform): void {
    transform.on('error', (cause) =>
      this.#fail(new Problem('plugin-failed', 'A plugin failed on the body.', { cause })),
    )
    this.#source = this.#source.pipe(transform)
  }

  /** Nothing of the body is lost: `restart` can send it from its beginning. */
  get isWhole(): boolean {
    return this.#request === null || this.#kept !== null
  }

  hold(): void {
    if (this.#request === null || this.#done) return
    this.#waiting = true
    this.#source.pause()
  }

  restart(request: ClientRequest): void {
    if (this.#request === null) {
      this.start(request)
      return
    }
    this.#request = request
    let mayGoOn = true
    for (const chunk of this.#kept!) mayGoOn = request.write(chunk)
    if (this.#ended) request.end(this.#trailers())
    else if (mayGoOn) this.drain()
  }

  drain(): void {
    if (!this.#waiting) return
    this.#waiting = false
    this.#idle.refresh()
    this.#source.resume()
  }

  stop(): void {
    this.#kept = null
    if (this.#done) return
    this.#done = true
    this.#endClocks()
    if (this.#source !== this.#raw) this.#raw.unpipe()
    this.#raw.resume()
  }

  #inspect(chunk: Buffer): boolean {
    if (this.#done) return false
    this.#exchange.received += chunk.length
    this.#idle.refresh()
    this.#framing?.check()
    if (this.#done) return false
    try {
      for (const tap of this.#exchange.upstreamRequest.taps) tap(chunk)
      return true
    } catch (error) {
      this.#fail(
        error instanceof Problem
          ? error
          : new Problem('plugin-failed', 'A plugin failed on the body.', { cause: error }),
      )
      return false
    }
  }

  #forward(chunk: Buffer): void {
    if (this.#done) return
    if (this.#source === this.#raw && !this.#inspect(chunk)) return
    if (this.#write(chunk)) return
    this.#waiting = true
    this.#source.pause()
  }

  /**
   * Nobody else has seen the piece: its memory is given back as soon as the kernel has it. Left to the garbage
   * collector, which counts objects and not their megabytes, an upload holds 60 MiB more (measured).
   */
  #write(chunk: Buffer): boolean {
    if (this.#kept !== null) this.#keep(chunk)
    const { buffer } = chunk
    const mayFree = this.#alone && chunk.length >= WORTH_FREEING && chunk.length === buffer.byteLength
    if (!mayFree || !(buffer instanceof ArrayBuffer)) return this.#request!.write(chunk)
    return this.#request!.write(chunk, () => void buffer.transfer(0))
  }

  #keep(chunk: Buffer): void {
    this.#room -= chunk.length
    if (this.#room >= 0) this.#kept!.push(chunk)
    else this.#kept = null
  }

  #finish(): void {
    if (this.#done || !this.#raw.complete) return
    const refusal = trailersRefusal(this.#raw.rawTrailers, this.#exchange.upstreamRequest.trailers)
    if (refusal !== null) {
      this.#fail(refusal)
      return
    }
    this.#done = true
    this.#ended = true
    this.#endClocks()
    this.#request!.end(this.#trailers())
  }

  #trailers(): string[] {
    const { facts, upstreamRequest } = this.#exchange
    if (uploadFraming(this.#exchange).kind !== 'chunked') return []
    return forwardableTrailers(this.#raw.rawTrailers, facts.rawHeaders, upstreamRequest.trailers.passes)
  }

  #tooSlow(): void {
    if (this.#done) return
    if (this.#waiting || this.#request === null) this.#idle.refresh()
    else this.#fail(bodyTooSlow())
  }

  #endClocks(): void {
    clearTimeout(this.#idle)
    this.#framing?.end()
  }

  #fail(problem: Problem): void {
    if (this.#done) return
    this.stop()
    this.#events.failed(problem)
  }
}

export function bodyTooSlow(): Problem {
  return new Problem('request-timeout', 'The request body did not arrive in time.')
}

export function clientClosed(): Problem {
  return new Problem('client-closed', 'The client closed the connection before the answer was complete.')
}
