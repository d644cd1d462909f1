/** Reads a status line and field lines up to the empty line, or field lines alone (trailers), from bytes cut anywhere. */
import { fieldName } from './field-name.ts'
import { isDigit, isNameByte, isValueByte } from './grammar.ts'

/** What a response violates; the message never quotes the upstream. */
export class MalformedResponse extends Error {
  override readonly name = 'MalformedResponse'
  readonly tooLarge: boolean

  constructor(message: string, tooLarge = false) {
    super(message)
    this.tooLarge = tooLarge
  }
}

export interface SectionLimits {
  readonly maxHeadBytes: number
  readonly maxHeaders: number
}

const CR = 0x0d
const LF = 0x0a
const SP = 0x20
const HTAB = 0x09
const COLON = 0x3a

const MORE = -1
const VERSION = [...Buffer.from('HTTP/1.')]

/**
 * Every byte is looked at once, however the section is cut: positions are kept, relative to its first byte, and what came of an
 * unfinished section is held back. A section that lies whole in one buffer is read in place.
 */
export class FieldSection {
  minorVersion: 0 | 1 = 1
  status = 0
  reason = ''
  fields: string[] = []

  readonly #limits: SectionLimits
  /** As many as there are marks for; what lies behind is of an earlier section. */
  readonly #names: string[] = []
  /** Start and end of each value. */
  #marks = new Int32Array(64)
  #markCount = 0
  #held = Buffer.alloc(0)
  #heldLength = 0
  #inStatusLine = false
  #startsWithStatus = false
  #scan = 0
  #lineStart = 0
  /** 0 while the name of the line is read. */
  #nameEnd = 0
  #nameHash = 0
  #reasonStart = 0
  #reasonEnd = 0

  constructor(limits: SectionLimits) {
    this.#limits = limits
  }

  /** Whether some bytes of the section came, but not all. */
  get begun(): boolean {
    return this.#heldLength > 0
  }

  begin(withStatusLine: boolean): void {
    this.#startsWithStatus = withStatusLine
    this.#inStatusLine = withStatusLine
    this.#markCount = 0
    this.#heldLength = 0
    this.#scan = 0
    this.#lineStart = 0
    this.#nameEnd = 0
    this.#reasonStart = 0
    if (this.#held.length > 4096) this.#held = Buffer.alloc(0)
  }

  /** Returns the position behind the section, or -1 when it goes on in the next buffer. */
  read(buffer: Buffer, from: number, to: number): number {
    if (this.#heldLength === 0) {
      const end = this.#advance(buffer, from, to)
      if (end === MORE) this.#hold(buffer, from, to)
      return end === MORE ? MORE : from + end
    }
    const before = this.#heldLength
    this.#hold(buffer, from, to)
    const end = this.#advance(this.#held, 0, this.#heldLength)
    return end === MORE ? MORE : from + end - before
  }

  #hold(buffer: Buffer, from: number, to: number): void {
    const length = this.#heldLength + to - from
    if (length > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, length * 2))
      this.#held.copy(larger, 0, 0, this.#heldLength)
      this.#held = larger
    }
    buffer.copy(this.#held, this.#heldLength, from, to)
    this.#heldLength = length
  }

  #advance(buffer: Buffer, base: number, to: number): number {
    const end = Math.min(to, base + this.#limits.maxHeadBytes)
    if (this.#inStatusLine && !this.#readStatusLine(buffer, base, end)) return this.#more(base, to)
    for (;;) {
      const line = base + this.#lineStart
      if (line < end && buffer[line] === CR) {
        if (line + 1 >= end) return this.#more(base, to)
        if (buffer[line + 1] !== LF) throw new MalformedResponse('a bare CR in the head')
        this.#finish(buffer, base, line)
        return line + 2 - base
      }
      if (!this.#readFieldLine(buffer, base, end)) return this.#more(base, to)
    }
  }

  #more(base: number, to: number): number {
    if (to - base >= this.#limits.maxHeadBytes) throw new MalformedResponse('the head is too large', true)
    return MORE
  }

  /**
   * RFC 9112 §4, and RFC 9110 §15 for what is a status. The blank before an absent reason may be missing: servers in use leave it
   * out, and nothing can hide there.
   */
  #readStatusLine(buffer: Buffer, base: number, end: number): boolean {
    while (this.#reasonStart === 0) {
      const at = this.#scan
      if (base + at >= end) return false
      const byte = buffer[base + at]!
      if (at < 7 && byte !== VERSION[at]) throw new MalformedResponse('not an HTTP/1 status line')
      if (at === 7 && byte !== 0x30 && byte !== 0x31) throw new MalformedResponse('an unknown HTTP version')
      if (at === 8 && byte !== SP) throw new MalformedResponse('not an HTTP/1 status line')
      if (at === 9 && (byte < 0x31 || byte > 0x35)) throw new MalformedResponse('an invalid status code')
      if (at > 9 && at < 12 && !isDigit(byte)) throw new MalformedResponse('an invalid status code')
      if (at === 12) {
        if (byte !== SP && byte !== CR) throw new MalformedResponse('an invalid status code')
        this.#reasonStart = byte === SP ? 13 : 12
        if (byte === CR) break
      }
      this.#scan++
    }
    const stop = skipValue(buffer, base + this.#scan, end)
    this.#scan = stop - base
    if (stop + 1 >= end && (stop >= end || buffer[stop] === CR)) return false
    if (buffer[stop] !== CR || buffer[stop + 1] !== LF)
      throw new MalformedResponse('an invalid byte in the reason phrase')
    this.#reasonEnd = stop - base
    this.#inStatusLine = false
    this.#nextLine(stop + 2 - base)
    return true
  }

  /** RFC 9112 §5: no blank before the colon (§5.1), no folding (§5.2), CRLF and nothing else ends a line. */
  #readFieldLine(buffer: Buffer, base: number, end: number): boolean {
    let at = base + this.#scan
    if (this.#nameEnd === 0) {
      let hash = this.#nameHash
      for (; at < end && isNameByte(buffer[at]!); at++) hash = (Math.imul(hash, 31) + buffer[at]!) | 0
      this.#nameHash = hash
      this.#scan = at - base
      if (at >= end) return false
      if (buffer[at] !== COLON || at === base + this.#lineStart) throw new MalformedResponse('an invalid field name')
      this.#nameEnd = at - base
      at++
    }
    at = skipValue(buffer, at, end)
    this.#scan = at - base
    if (at >= end) return false
    if (buffer[at] !== CR) throw new MalformedResponse('an invalid byte in a field value')
    if (at + 1 >= end) return false
    if (buffer[at + 1] !== LF) throw new MalformedResponse('a bare CR in a field value')
    this.#mark(buffer, base, at)
    this.#nextLine(at + 2 - base)
    return true
  }

  #nextLine(start: number): void {
    this.#lineStart = start
    this.#scan = start
    this.#nameEnd = 0
    this.#nameHash = 0
  }

  #mark(buffer: Buffer, base: number, valueEnd: number): void {
    let from = base + this.#nameEnd + 1
    let to = valueEnd
    while (from < to && (buffer[from] === SP || buffer[from] === HTAB)) from++
    while (to > from && (buffer[to - 1] === SP || buffer[to - 1] === HTAB)) to--

    const count = this.#markCount
    if (count >= this.#limits.maxHeaders * 2) throw new MalformedResponse('too many fields', true)
    if (count === this.#marks.length) {
      const larger = new Int32Array(count * 2)
      larger.set(this.#marks)
      this.#marks = larger
    }
    const name = { from: base + this.#lineStart, to: base + this.#nameEnd, hash: this.#nameHash }
    this.#names[count >> 1] = fieldName(buffer, name)
    this.#marks[count] = from - base
    this.#marks[count + 1] = to - base
    this.#markCount = count + 2
  }

  /** One latin1 conversion for the whole section, then slices of it: half a microsecond cheaper than one call per value. */
  #finish(buffer: Buffer, base: number, end: number): void {
    const marks = this.#marks
    const text = buffer.toString('latin1', base, end)
    const names = this.#names
    const fields = new Array<string>(this.#markCount)
    for (let i = 0; i < this.#markCount; i += 2) {
      fields[i] = names[i >> 1]!
      fields[i + 1] = text.slice(marks[i], marks[i + 1])
    }
    this.fields = fields
    this.#heldLength = 0
    if (!this.#startsWithStatus) return
    this.minorVersion = text.charCodeAt(7) === 0x31 ? 1 : 0
    this.status = (text.charCodeAt(9) - 48) * 100 + (text.charCodeAt(10) - 48) * 10 + text.charCodeAt(11) - 48
    this.reason = text.slice(this.#reasonStart, this.#reasonEnd)
  }
}

function skipValue(buffer: Buffer, from: number, end: number): number {
  let at = from
  while (at < end && isValueByte(buffer[at]!)) at++
  return at
}
