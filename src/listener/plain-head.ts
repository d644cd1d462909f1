/**
 * Reads the head of a plain request: HTTP/1.1, without a body or with one of a length that is told, asking nothing of the connection.
 * Most requests are plain. It refuses nothing: what is not plain to the last byte is for Node's parser to judge.
 */
import { memoByName } from '../exchange/name-memo.ts'
import { FieldSection, MalformedResponse, type SectionLimits } from '../http1/field-section.ts'

export interface PlainHead {
  readonly method: string
  readonly url: string
  /** Flat name, value, … */
  readonly fields: string[]
  /** Bytes of the body. */
  readonly length: number
  /** Position behind the head. */
  readonly end: number
}

/** Those that Node knows, too: a method that is none is answered there. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const methodBytes = METHODS.map((method) => [method, Buffer.from(`${method} `)] as const)
const VERSION = Buffer.from(' HTTP/1.1\r\n')

type Meaning = 'ordinary' | 'length' | 'connection' | 'not-plain'

const meaningOf = memoByName((name): Meaning => {
  if (name === 'content-length') return 'length'
  if (name === 'connection') return name
  return meaningful.has(name) ? 'not-plain' : 'ordinary'
})

/** Fields that frame a body otherwise, wait for an answer before it, or are about the connection. */
const meaningful: ReadonlySet<string> = new Set([
  'transfer-encoding',
  'trailer',
  'upgrade',
  'http2-settings',
  'expect',
  'proxy-connection',
])

export interface HeadLimits extends SectionLimits {
  /** Bytes of a target: a longer one is not plain before its end has come. */
  readonly maxTarget: number
}

export class PlainHeadReader {
  readonly #section: FieldSection
  readonly #maxTarget: number

  constructor(limits: HeadLimits) {
    this.#section = new FieldSection(limits)
    this.#maxTarget = limits.maxTarget
  }

  /** `more`: nothing is wrong so far, and the head goes on in the next piece. */
  read(buffer: Buffer): PlainHead | 'more' | 'not-plain' {
    const method = methodOf(buffer)
    if (method === undefined) return buffer.length < 8 ? 'more' : 'not-plain'
    const from = method.length + 1
    const to = endOfTarget(buffer, from, from + this.#maxTarget)
    if (to === buffer.length) return 'more'
    const lineEnd = to + VERSION.length
    if (lineEnd > buffer.length)
      return VERSION.subarray(0, buffer.length - to).equals(buffer.subarray(to)) ? 'more' : 'not-plain'
    if (!isVersion(buffer, to) || buffer[from] !== SLASH) return 'not-plain'
    const end = this.#readFields(buffer, lineEnd)
    if (end < 0) return end === MORE ? 'more' : 'not-plain'
    const { fields } = this.#section
    const length = bodyLength(fields)
    return length === NOT_PLAIN
      ? 'not-plain'
      : { method, url: buffer.toString('latin1', from, to), fields, length, end }
  }

  #readFields(buffer: Buffer, from: number): number {
    const section = this.#section
    section.begin(false)
    try {
      return section.read(buffer, from, buffer.length)
    } catch (error) {
      if (error instanceof MalformedResponse) return NOT_PLAIN
      throw error
    }
  }
}

/** Nothing but line ends, which may stand before a request or behind the last (RFC 9112 §2.2). */
export function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === CR || byte === LF)
}

const CR = 0x0d
const LF = 0x0a
const SLASH = 0x2f
const MORE = -1
const NOT_PLAIN = -2

function methodOf(buffer: Buffer): string | undefined {
  next: for (const [method, bytes] of methodBytes) {
    if (buffer.length < bytes.length) continue
    for (let i = 0; i < bytes.length; i++) if (buffer[i] !== bytes[i]) continue next
    return method
  }
  return undefined
}

/** RFC 9112 §3.2: a target ends at the first blank. Anything but visible ASCII makes it not plain. */
function endOfTarget(buffer: Buffer, from: number, limit: number): number {
  const last = Math.min(buffer.length, limit)
  let at = from
  while (at < last && buffer[at]! > 0x20 && buffer[at]! < 0x7f) at++
  return at
}

function isVersion(buffer: Buffer, at: number): boolean {
  for (let i = 0; i < VERSION.length; i++) if (buffer[at + i] !== VERSION[i]) return false
  return true
}

/** 0 without one. NOT_PLAIN where a field is for Node to judge. */
function bodyLength(fields: readonly string[]): number {
  let length = -1
  for (let i = 0; i < fields.length; i += 2) {
    const meaning = meaningOf(fields[i]!)
    if (meaning === 'ordinary') continue
    const value = fields[i + 1]!
    if (meaning === 'length' && length === -1 && /^(0|[1-9][0-9]{0,14})$/.test(value)) length = Number(value)
    // `Connection: keep-alive` says what is so anyway (RFC 9112 §9.3).
    else if (meaning !== 'connection' || value.toLowerCase() !== 'keep-alive') return NOT_PLAIN
  }
  return length === -1 ? 0 : length
}
