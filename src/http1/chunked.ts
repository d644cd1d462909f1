/** Decodes the chunked coding (RFC 9112 §7.1) in place: the payload of one read becomes one contiguous piece. */
import { FieldSection, MalformedResponse, type SectionLimits } from './field-section.ts'
import { hexValue, isNameByte, isValueByte } from './grammar.ts'

// size → (extension)* → size-lf → payload → payload-cr → payload-lf → size …; a size of 0 → trailers → done
const SIZE = 0
const EXTENSION_NAME = 1
const EXTENSION_VALUE = 2
const EXTENSION_QUOTED = 3
const EXTENSION_ESCAPE = 4
const EXTENSION_AFTER = 5
const SIZE_LF = 6
const PAYLOAD = 7
const PAYLOAD_CR = 8
const PAYLOAD_LF = 9
const TRAILERS = 10
const DONE = 11

const CR = 0x0d
const LF = 0x0a
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUOTE = 0x22
const BACKSLASH = 0x5c

const MAX_SIZE_DIGITS = 8
/** Of a whole body: each chunk may carry extensions, so a bound per chunk would bound nothing. */
const MAX_EXTENSION_BYTES = 16 * 1024

/** Fields that must not be taken from trailers: framing, routing, authentication, content (RFC 9110 §6.5.1). */
const FORBIDDEN_TRAILERS = new Set(
  `age authorization cache-control connection content-encoding content-length content-location content-range content-type cookie
  date expect expires host keep-alive location max-forwards pragma proxy-authenticate proxy-authorization proxy-connection range
  retry-after set-cookie te trailer transfer-encoding upgrade vary warning www-authenticate`.split(/\s+/),
)

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
      if (++this.#digits > MAX_SIZE_DIGITS) throw new MalformedResponse('a chunk size with too many digits')
      this.#size = this.#size * 16 + value
      return
    }
    if (this.#digits === 0) throw new MalformedResponse('an invalid chunk size')
    if (byte === CR) this.#state = SIZE_LF
    else if (byte === SEMICOLON) this.#beginExtension()
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

  /** RFC 9112 §7.1.1, without the "bad" blanks: read to find its end, then dropped. */
  #stepExtension(byte: number): void {
    if (++this.#extensionBytes > MAX_EXTENSION_BYTES) throw new MalformedResponse('chunk extensions are too large')
    const state = this.#state
    if (state === EXTENSION_ESCAPE || state === EXTENSION_QUOTED) {
      if (!isValueByte(byte)) throw new MalformedResponse('an invalid chunk extension')
      if (state === EXTENSION_ESCAPE) this.#state = EXTENSION_QUOTED
      else if (byte === BACKSLASH) this.#state = EXTENSION_ESCAPE
      else if (byte === QUOTE) this.#state = EXTENSION_AFTER
      return
    }
    if (state !== EXTENSION_AFTER) {
      if (isNameByte(byte)) {
        this.#tokenBytes++
        return
      }
      if (state === EXTENSION_VALUE && byte === QUOTE && this.#tokenBytes === 0) {
        this.#state = EXTENSION_QUOTED
        return
      }
      if (this.#tokenBytes === 0) throw new MalformedResponse('an invalid chunk extension')
    }
    if (byte === SEMICOLON) this.#beginExtension()
    else if (byte === CR) this.#state = SIZE_LF
    else if (byte === EQUALS && state === EXTENSION_NAME) {
      this.#state = EXTENSION_VALUE
      this.#tokenBytes = 0
    } else throw new MalformedResponse('an invalid chunk extension')
  }
}

function allowedTrailers(fields: string[]): string[] {
  if (fields.length === 0) return fields
  const allowed: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    if (!FORBIDDEN_TRAILERS.has(fields[i]!.toLowerCase())) allowed.push(fields[i]!, fields[i + 1]!)
  }
  return allowed
}
