/** An answer as bytes, for a store that others may write to: what is odd in any way is no answer. */
import { crc32 } from 'node:zlib'
import { isFieldValue, isToken } from '#gateway'
import { isPerExchange } from './answer.ts'
import type { Entry } from './entry.ts'

/** What travels besides the body. Ages instead of times: no two clocks agree. */
export interface SharedHead extends Omit<Entry, 'body' | 'selection' | 'requestedAt' | 'receivedAt' | 'initialAge'> {
  /** Of place and deciding request fields: an answer under somebody else's key is none. */
  readonly digest: string
  readonly stamp: string
  /** Lower-case request fields that chose the answer. */
  readonly names: readonly string[]
  /** Milliseconds, when it was given to the store and how long the store was to keep it. */
  readonly age: number
  readonly ttlMs: number
}

/** The version; whoever changes the form changes it. */
const MAGIC = Buffer.from('SLA1')
/** Magic, checksum of all that follows, length of the head. */
const PRELUDE = 12
const MOST_NAMES = 16

export function encode(head: SharedHead, body: Buffer): Buffer {
  const text = Buffer.from(JSON.stringify(head))
  const bytes = Buffer.concat([Buffer.alloc(PRELUDE), text, body])
  MAGIC.copy(bytes)
  bytes.writeUInt32BE(text.length, 8)
  bytes.writeUInt32BE(crc32(bytes.subarray(8)), 4)
  return bytes
}

/** The body is in memory of its own. */
export function decode(bytes: Buffer): { readonly head: SharedHead; readonly body: Buffer } | null {
  if (bytes.length < PRELUDE || !bytes.subarray(0, 4).equals(MAGIC)) return null
  if (bytes.readUInt32BE(4) !== crc32(bytes.subarray(8))) return null
  const end = PRELUDE + bytes.readUInt32BE(8)
  if (end > bytes.length) return null
  const head = parse(bytes.toString('utf8', PRELUDE, end))
  if (!isHead(head)) return null
  const body = Buffer.allocUnsafeSlow(bytes.length - end)
  bytes.copy(body, 0, end)
  return { head, body }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function isHead(value: unknown): value is SharedHead {
  if (typeof value !== 'object' || value === null) return false
  const one = value as Partial<Record<keyof SharedHead, unknown>>
  return (
    isStatus(one.status) &&
    (one.reason === undefined || (typeof one.reason === 'string' && isFieldValue(one.reason))) &&
    isFieldList(one.head) &&
    [one.digest, one.stamp, one.route].every((text) => typeof text === 'string') &&
    isTexts(one.names) &&
    one.names.length <= MOST_NAMES &&
    isTexts(one.tags) &&
    [one.lifetime, one.age, one.ttlMs, one.staleIfError].every(isMilliseconds) &&
    Number.isFinite(one.modifiedAt) &&
    typeof one.ownTtl === 'boolean' &&
    typeof one.mustRevalidate === 'boolean' &&
    (one.etag === null || typeof one.etag === 'string')
  )
}

function isStatus(value: unknown): boolean {
  return (
    Number.isInteger(value) && (value as number) >= 200 && (value as number) <= 599 && value !== 206 && value !== 304
  )
}

function isMilliseconds(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

/** Fields of a message's framing are never among what is kept: a body has one length. */
function isFieldList(value: unknown): boolean {
  if (!isTexts(value) || value.length % 2 !== 0) return false
  return value.every((text, i) =>
    i % 2 === 0 ? isToken(text) && !isPerExchange(text.toLowerCase()) : isFieldValue(text),
  )
}
