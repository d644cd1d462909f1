/**
 * Turns the bytes of one response after the other into head, body and trailers (RFC 9112); strict, and told nothing twice.
 *
 * States: head → (length | chunked | until-close) → complete; any → stopped. `expect` leads from complete back to head.
 */

import { type FramingFields, frameBody, gatherFraming, keepAliveSeconds, persists } from './body-framing.ts'
import { ChunkedDecoder } from './chunked.ts'
import type { ResponseHead } from './client.ts'
import { FieldSection, MalformedResponse, type SectionLimits } from './field-section.ts'

const HEAD = 0
const LENGTH = 1
const CHUNKED = 2
const UNTIL_CLOSE = 3
const COMPLETE = 4
const STOPPED = 5

/** RFC 9110 §15.2 allows any number; a bound keeps an upstream from answering for ever without an answer. */
const MAX_INFORMATIONAL = 20

export interface ResponseSink {
  informational(status: number, headers: string[]): void
  /** RFC 9110 §15.2.2: what lies behind `end` in the buffer being read is no HTTP. Without it a 101 is a violation. */
  switched?(headers: string[], end: number): void
  head(head: ResponseHead): void
  /** At most once per read: the payload of all chunks in it lies together. */
  body(buffer: Buffer, from: number, to: number): void
  complete(trailers: string[]): void
}

const NO_TRAILERS: string[] = []

export class ResponseParser {
  /** Whether the final head came whole. */
  headDone = false
  /** Bytes of the last read that lie behind the end of the response. */
  leftover = 0
  /** Whether the response leaves its connection fit for another request. */
  persistent = false
  /** `Keep-Alive: timeout=N` of the last response, or -1. */
  keepAliveSeconds = -1

  readonly #sink: ResponseSink
  readonly #section: FieldSection
  readonly #limits: SectionLimits
  readonly #framing: FramingFields = {
    contentLength: undefined,
    transferEncoding: undefined,
    connection: undefined,
    keepAlive: undefined,
  }
  #chunked: ChunkedDecoder | undefined
  #state = COMPLETE
  #method = ''
  #remaining = 0
  #informational = 0

  constructor(sink: ResponseSink, limits: SectionLimits) {
    this.#sink = sink
    this.#limits = limits
    this.#section = new FieldSection(limits)
  }

  /** Bytes of body still to come when the head said so, -1 when only the body itself says. */
  get remaining(): number {
    return this.#state === LENGTH ? this.#remaining : this.#state === COMPLETE ? 0 : -1
  }

  /** Prepares for the response to a request with this method: it decides whether there is a body (RFC 9112 §6.3). */
  expect(method: string): void {
    this.#method = method
    this.#state = HEAD
    this.#informational = 0
    this.headDone = false
    this.leftover = 0
    this.persistent = false
    this.#section.begin(true)
  }

  /** Makes the parser call nothing any more; may be called by the sink. */
  stop(): void {
    this.#state = STOPPED
  }

  /** Reads `buffer` from `from` to `to`; throws MalformedResponse. Chunked bodies are decoded in place: the buffer is written to. */
  read(buffer: Buffer, from: number, to: number): void {
    let at = from
    while (at < to && this.#state === HEAD) at = this.#readHead(buffer, at, to)
    switch (this.#state) {
      case LENGTH:
        this.#readLength(buffer, at, to)
        break
      case CHUNKED:
        this.#readChunked(buffer, at, to)
        break
      case UNTIL_CLOSE:
        if (at < to) this.#sink.body(buffer, at, to)
    }
  }

  /** The upstream sent its clean FIN. Returns false when that cut the response short. */
  finish(): boolean {
    if (this.#state !== UNTIL_CLOSE) return false
    this.#complete(NO_TRAILERS)
    return true
  }

  #readHead(buffer: Buffer, from: number, to: number): number {
    const section = this.#section
    const end = section.read(buffer, from, to)
    if (end < 0) return to
    if (section.status < 200) {
      this.#interim(section, end)
      return end
    }
    const framing = this.#framing
    gatherFraming(section.fields, framing)
    const body = frameBody(this.#method, section.status, section.minorVersion, framing)
    this.persistent = body.kind !== 'until-close' && persists(section.minorVersion, framing.connection)
    this.keepAliveSeconds = keepAliveSeconds(framing.keepAlive)
    this.headDone = true
    this.#enterBody(body.kind, body.length)
    this.#sink.head({
      status: section.status,
      reason: section.reason,
      headers: section.fields,
      minorVersion: section.minorVersion,
      body,
    })
    if (body.length === 0 && this.#state === LENGTH) {
      this.leftover = to - end
      this.#complete(NO_TRAILERS)
    }
    return end
  }

  #interim({ status, fields, minorVersion }: FieldSection, end: number): void {
    // RFC 9110 §15.2: HTTP/1.0 knows no 1xx. §15.2.2: an upgrade nobody asked for leaves the connection in no state we know.
    if (minorVersion === 0) throw new MalformedResponse('an interim response in HTTP/1.0')
    if (status === 101) {
      if (this.#sink.switched === undefined) throw new MalformedResponse('an upgrade that was not asked for')
      this.#state = STOPPED
      this.#sink.switched(fields, end)
      return
    }
    if (++this.#informational > MAX_INFORMATIONAL) throw new MalformedResponse('too many interim responses')
    this.#section.begin(true)
    this.#sink.informational(status, fields)
  }

  #enterBody(kind: ResponseHead['body']['kind'], length: number): void {
    if (kind === 'until-close') {
      this.#state = UNTIL_CLOSE
    } else if (kind === 'chunked') {
      this.#chunked ??= new ChunkedDecoder(this.#limits)
      this.#chunked.begin()
      this.#state = CHUNKED
    } else {
      this.#remaining = length
      this.#state = LENGTH
    }
  }

  #readLength(buffer: Buffer, from: number, to: number): void {
    const length = Math.min(this.#remaining, to - from)
    if (length === 0) return
    this.#remaining -= length
    if (this.#remaining === 0) this.leftover = to - from - length
    this.#sink.body(buffer, from, from + length)
    if (this.#remaining === 0 && this.#state === LENGTH) this.#complete(NO_TRAILERS)
  }

  #readChunked(buffer: Buffer, from: number, to: number): void {
    const decoder = this.#chunked!
    try {
      const end = decoder.decode(buffer, from, to)
      if (decoder.done) this.leftover = to - end
    } catch (error) {
      // What was sound before the violation counts, wherever the reads were cut.
      this.#deliverPayload(buffer, decoder)
      if (this.#state === CHUNKED) throw error
      return
    }
    this.#deliverPayload(buffer, decoder)
    if (decoder.done && this.#state === CHUNKED) this.#complete(decoder.trailers)
  }

  #deliverPayload(buffer: Buffer, { payloadFrom, payloadTo }: ChunkedDecoder): void {
    if (payloadTo > payloadFrom) this.#sink.body(buffer, payloadFrom, payloadTo)
  }

  #complete(trailers: string[]): void {
    this.#state = COMPLETE
    this.#sink.complete(trailers)
  }
}
