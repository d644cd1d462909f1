/** Decodes the chunked coding (RFC 9112 §7.1) in place: the payload of one read becomes one contiguous piece. */
import { FieldSection, MalformedResponse, type SectionLimits } from './field-section.ts'
import { hexValue, isNameByte, isValueByte } from './grammar.ts'
import { isForbiddenTrailer } from './trailer-fields.ts'

// size → (extension)* → size-lf → payload → payload-cr → payload-lf → size …; a size of 0 → trailers → done
const SIZE = 0
/** Behind a blank: only another extension can follow. */
const EXTENSION_NEXT = 1
const EXTENSION_NAME = 2
/** Behind a blank after its name. */
const EXTENSION_NAMED = 3
const EXTENSION_VALUE = 4
const EXTENSION_QUOTED = 5
const EXTENSION_ESCAPE = 6
const EXTENSION_AFTER = 7
const SIZE_LF = 8
const PAYLOAD = 9
const PAYLOAD_CR = 10
const PAYLOAD_LF = 11
const TRAILERS = 12
const DONE = 13

const CR = 0x0d
const LF = 0x0a
const BLANK = 0x20
const TAB = 0x09
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** As many as the largest number has, and more than those need that write all sizes alike. What is over counts as extension. */
const FREE_SIZE_DIGITS = 16
/** Of a whole body: each chunk may carry extensions, so a bound per chunk would bound nothing. */
const MAX_EXTENSION_BYTES = 16 * 1024

export class ChunkedDecoder {
  /** Where the payload of the last `decode` lies in its buffer. */
  payloadFrom = 0
  payloadTo = 0
  done = false
  trailers: string[] = []

  #state = SIZE
  #size = 0
  #digits = 0
  #extensionBytes = 0
  #tokenBytes = 0
  readonly #section: FieldSection

  constructor(limits: SectionLimits) {
    this.#section = new FieldSection(limits)
  }

  begin(): void {
    this.#state = SIZE
    this.#size = 0
    this.#digits = 0
    this.#extensionBytes = 0
    this.done = false
    this.trailers = []
  }

  /** Reads on from `from`, returns the position behind what it took: `to`, unless the body ended before. */
  decode(buffer: Buffer, from: number, to: number): number {
    this.payloadFrom = from
    this.payloadTo = from
    let at = from
    while (at < to && this.#state !== DONE) {
      if (this.#state === PAYLOAD) at = this.#takePayload(buffer, at, to)
      else if (this.#state === TRAILERS) at = this.#takeTrailers(buffer, at, to)
      else this.#step(buffer[at++]!)
    }
    return at
  }

  #takePayload(buffer: Buffer, at: number, to: number): number {
    const length = Math.min(this.#size, to - at)
    if (this.payloadFrom === this.payloadTo) this.payloadFrom = this.payloadTo = at
    else if (this.payloadTo !== at) buffer.copyWithin(this.payloadTo, at, at + length)
    this.payloadTo += length
    this.#size -= length
    if (this.#size === 0) this.#state = PAYLOAD_CR
    return at + length
  }

  #takeTrailers(buffer: Buffer, at: number, to: number): number {
    const end = this.#section.read(buffer, at, to)
    if (end < 0) return to
    this.trailers = allowedTrailers(this.#section.fields)
    this.#state = DONE
    this.done = true
    return end
  }

  #step(byte: number): void {
    switch (this.#state) {
      case SIZE:
        this.#stepSize(byte)
        break
      case SIZE_LF:
        if (byte !== LF) throw new MalformedResponse('a chunk size not ended by CRLF')
        this.#beginPayload()
        break
      case PAYLOAD_CR:
        if (byte !== CR) throw new MalformedResponse('a chunk not ended by CRLF')
        this.#state = PAYLOAD_LF
        break
      case PAYLOAD_LF:
        if (byte !== LF) throw new MalformedResponse('a chunk not ended by CRLF')
        this.#state = SIZE
        this.#digits = 0
        break
      default:
        this.#stepExtension(byte)
    }
  }

  #stepSize(byte: number): void {
    const value = hexValue(byte)
    if (value >= 0) {
      if (++this.#digits > FREE_SIZE_DIGITS) this.#countExtension()
      this.#size = this.#size * 16 + value
      // RFC 9112 §7.1: never a number that has lost its last digits.
      if (this.#size > Number.MAX_SAFE_INTEGER) throw new MalformedResponse('a chunk size that is too large')
      return
    }
    if (this.#digits === 0) throw new MalformedResponse('an invalid chunk size')
    if (byte === CR) this.#state = SIZE_LF
    else if (byte === SEMICOLON) this.#beginExtension()
    else if (isBlank(byte)) this.#state = EXTENSION_NEXT
    else throw new MalformedResponse('an invalid chunk size')
  }

  #beginPayload(): void {
    if (this.#size > 0) {
      this.#state = PAYLOAD
      return
    }
    this.#state = TRAILERS
    this.#section.begin(false)
  }

  #beginExtension(): void {
    this.#state = EXTENSION_NAME
    this.#tokenBytes = 0
  }

  #countExtension(): void {
    if (++this.#extensionBytes > MAX_EXTENSION_BYTES) throw new MalformedResponse('chunk extensions are too large')
  }

  /** RFC 9112 §7.1.1, with its "bad" blanks (RFC 9110 §5.6.3): read to find its end, then dropped. */
  #stepExtension(byte: number): void {
    this.#countExtension()
    const state = this.#state
    if (state === EXTENSION_ESCAPE || state === EXTENSION_QUOTED) this.#stepQuoted(byte)
    else if ((state !== EXTENSION_NAME && state !== EXTENSION_VALUE) || !this.#isInToken(byte)) this.#endPart(byte)
  }

  #stepQuoted(byte: number): void {
    if (!isValueByte(byte)) throw new MalformedResponse('an invalid chunk extension')
    if (this.#state === EXTENSION_ESCAPE) this.#state = EXTENSION_QUOTED
    else if (byte === BACKSLASH) this.#state = EXTENSION_ESCAPE
    else if (byte === QUOTE) this.#state = EXTENSION_AFTER
  }

  /** Of a name or value, or before it. */
  #isInToken(byte: number): boolean {
    if (isNameByte(byte)) {
      this.#tokenBytes++
      return true
    }
    if (this.#tokenBytes > 0) return false
    if (this.#state === EXTENSION_VALUE && byte === QUOTE) this.#state = EXTENSION_QUOTED
    else if (!isBlank(byte)) throw new MalformedResponse('an invalid chunk extension')
    return true
  }

  /** What may stand behind a name or a value. A blank at the end of the line would be one too many. */
  #endPart(byte: number): void {
    const state = this.#state
    const isNamed = state === EXTENSION_NAME || state === EXTENSION_NAMED
    if (byte === SEMICOLON) this.#beginExtension()
    else if (isBlank(byte)) this.#state = isNamed ? EXTENSION_NAMED : EXTENSION_NEXT
    else if (byte === CR && state !== EXTENSION_NAMED && state !== EXTENSION_NEXT) this.#state = SIZE_LF
    else if (byte === EQUALS && isNamed) {
      this.#state = EXTENSION_VALUE
      this.#tokenBytes = 0
    } else throw new MalformedResponse('an invalid chunk extension')
  }
}

function isBlank(byte: number): boolean {
  return byte === BLANK || byte === TAB
}

function allowedTrailers(fields: string[]): string[] {
  if (fields.length === 0) return fields
  const allowed: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    if (!isForbiddenTrailer(fields[i]!)) allowed.push(fields[i]!, fields[i + 1]!)
  }
  return allowed
}
