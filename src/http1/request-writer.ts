/** Writes one request: its head as one string, then a body that keeps to what the head declared (RFC 9112 §6, §7.1). */
import type { Socket } from 'node:net'
import type { RequestHead } from './client.ts'
import { asText, isFieldValue, isToken, placeOfValue } from './grammar.ts'
import { SmallPieces } from './small-pieces.ts'

/** Unflushed bytes of the caller's own. */
const HIGH_WATER = 64 * 1024
/** A first write up to this size goes out as one string with the head: one syscall and no iovec. */
const MAX_JOINED = 16 * 1024

const NONE: readonly string[] = []

export class RequestWriter {
  /** Whether the caller has handed over the whole request. */
  ended: boolean

  readonly #head: string
  readonly #kind: 'none' | 'length' | 'chunked'
  /** Of a chunked body, those that are not sent yet. */
  readonly #small: SmallPieces | undefined
  /** Bytes the body may still have. */
  #allowance: number
  #pending: (Buffer | string)[] | undefined
  #pendingBytes = 0
  #socket: Socket | undefined
  #flushed: (() => void) | undefined
  #isDropped = false
  /** Unflushed bytes above which the caller is asked to wait. */
  #mark = HIGH_WATER
  #owesDrain = false

  /** Throws TypeError when the head holds a byte that could change its meaning (RFC 9110 §5.5, request splitting). */
  constructor(head: RequestHead) {
    this.#head = headText(head)
    this.#kind = head.body.kind
    this.#allowance = head.body.kind === 'length' ? head.body.length : head.body.kind === 'chunked' ? Infinity : 0
    this.ended = head.body.kind === 'none'
    if (head.body.kind === 'chunked') this.#small = new SmallPieces((chunk) => this.#send(chunk))
  }

  get hasBody(): boolean {
    return this.#kind !== 'none'
  }

  /** Hands the head, and what body came before, to the kernel in one write. */
  start(socket: Socket, flushed: () => void): void {
    this.#small?.begin()
    this.#socket = socket
    this.#flushed = flushed
    const pending = this.#pending
    if (pending === undefined) {
      socket.write(this.#head, 'latin1')
      return
    }
    this.#pending = undefined
    if (this.#pendingBytes <= MAX_JOINED) {
      let text = this.#head
      for (const piece of pending) text += typeof piece === 'string' ? piece : piece.toString('latin1')
      socket.write(text, 'latin1', flushed)
      return
    }
    socket.cork()
    socket.write(this.#head, 'latin1')
    for (const piece of pending) this.#put(piece)
    socket.uncork()
  }

  write(chunk: Buffer, taken?: () => void): boolean {
    if (this.#isDropped || chunk.length === 0) return true
    if (this.ended) throw new TypeError('the request body has ended')
    if (chunk.length > this.#allowance) throw new RangeError('the request body is longer than declared')
    this.#allowance -= chunk.length
    if (this.#small === undefined) this.#send(chunk, taken)
    else if (this.#small.take(chunk)) taken?.()
    else this.#sendChunk(chunk, taken)
    return this.#mayGoOn()
  }

  lend(chunk: Buffer): boolean {
    this.#mark = 0
    return this.write(chunk)
  }

  end(trailers: readonly string[] = NONE): void {
    if (this.#isDropped || this.ended) return
    if (this.#kind === 'length') {
      if (this.#allowance > 0) throw new RangeError('the request body is shorter than declared')
      if (trailers.length > 0) throw new TypeError('trailers need a chunked body')
    } else {
      const last = `${withFields('0', trailers)}\r\n\r\n`
      this.#small?.flush()
      this.#send(last)
    }
    this.ended = true
  }

  /** Swallows all that the caller still writes. */
  drop(): void {
    this.#isDropped = true
    this.#pending = undefined
  }

  /** Whether the caller waits for room that there is now; true once per wait. */
  takeDrain(): boolean {
    if (!this.#owesDrain || this.#isDropped || this.#unflushed > this.#mark) return false
    this.#owesDrain = false
    return true
  }

  /** Of several pieces, but one write: corked, and flushed at once by uncork. */
  #sendChunk(chunk: Buffer, taken?: () => void): void {
    this.#socket?.cork()
    this.#send(`${chunk.length.toString(16)}\r\n`)
    this.#send(chunk, taken)
    this.#send('\r\n')
    this.#socket?.uncork()
  }

  #send(piece: Buffer | string, taken?: () => void): void {
    if (this.#isDropped) return
    if (this.#socket !== undefined) {
      this.#put(piece, taken)
      return
    }
    this.#pending ??= []
    this.#pending.push(piece)
    this.#pendingBytes += piece.length
  }

  /** Each write carries the callback: 'drain' does not fire for what stays below the stream's own mark. */
  #put(piece: Buffer | string, taken?: () => void): void {
    const flushed = this.#flushed
    if (typeof piece === 'string') this.#socket!.write(piece, 'latin1', flushed)
    else if (taken === undefined) this.#socket!.write(piece, flushed)
    else {
      this.#socket!.write(piece, (error) => {
        if (error === null || error === undefined) taken()
        flushed?.()
      })
    }
  }

  get #unflushed(): number {
    return (this.#socket?.writableLength ?? this.#pendingBytes) + (this.#small?.waiting ?? 0)
  }

  #mayGoOn(): boolean {
    this.#owesDrain = this.#unflushed > this.#mark
    return !this.#owesDrain
  }
}

/** The head of a request as it goes on the wire. */
export function headText(head: RequestHead): string {
  if (!isToken(head.method)) throw new TypeError('the method is not a token')
  if (!isTarget(head.target)) throw new TypeError('the request target holds a blank or a control character')
  const lines = withFields(`${head.method} ${head.target} HTTP/1.1`, head.headers, head.parsed)
  return `${lines}${framingLine(head)}\r\n\r\n`
}

function framingLine({ body, upgrade }: RequestHead): string {
  if (upgrade !== undefined) return `\r\nconnection: Upgrade\r\nupgrade: ${upgrade}`
  if (body.kind === 'none') return ''
  if (body.kind === 'chunked') return '\r\ntransfer-encoding: chunked'
  if (!Number.isSafeInteger(body.length) || body.length < 0) throw new TypeError('the body length is not a byte count')
  return `\r\ncontent-length: ${body.length}`
}

/** Each line before the end of line that precedes it, so that one string less is to be added for each. */
function withFields(before: string, fields: readonly string[], parsed = NONE): string {
  let text = before
  let next = 0
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i + 1] === undefined) throw new TypeError('a field has no value')
    const value = asText(fields[i + 1]!)
    const opening = openings.get(fields[i]!) ?? openingOf(fields[i]!)
    const at = placeOfValue(parsed, value, next)
    if (at >= 0) next = at + 2
    else if (!opening.permits(value)) throw new TypeError('a field value holds a control character')
    text = text + opening.text + value
  }
  return text
}

/** What stands before the values of a field. */
class Opening {
  readonly text: string
  /** The value before, which was good: many are the same in each request. */
  #last = ''

  constructor(name: string) {
    this.text = `\r\n${name}: `
  }

  permits(value: string): boolean {
    if (value === this.#last) return true
    if (!isFieldValue(value)) return false
    if (value.length <= MOST_KEPT) this.#last = value
    return true
  }
}

/** Of names that were found good, by their spelling; full, it learns no more. */
const openings = new Map<string, Opening>()
const MOST_NAMES = 1024
/** Of a value that is remembered. */
const MOST_KEPT = 128

function openingOf(name: string): Opening {
  if (!isToken(name)) throw new TypeError('a field name is not a token')
  if (isFramingName(name)) throw new TypeError('framing fields are written from the body kind alone')
  const opening = new Opening(name)
  if (openings.size < MOST_NAMES && name.length <= 64) openings.set(name, opening)
  return opening
}

/** A second framing field beside ours would be request smuggling: RFC 9112 §11.2. */
function isFramingName(name: string): boolean {
  if (name.length !== 10 && name.length !== 14 && name.length !== 17) return false
  const lower = name.toLowerCase()
  return lower === 'connection' || lower === 'content-length' || lower === 'transfer-encoding'
}

function isTarget(target: string): boolean {
  const { length } = target
  for (let i = 0; i < length; i++) {
    const code = target.charCodeAt(i)
    if (code <= 0x20 || code === 0x7f || code > 0xff) return false
  }
  return length > 0
}
