/** The head of an HTTP/1.1 answer, composed in one string: what node:http's writeHead would say, in half the time. */
import { asText, placeOfValue } from '../http1/grammar.ts'
import { isFieldValue, isToken } from './headers.ts'
import { memoByName } from './name-memo.ts'

export interface AnswerHead {
  readonly status: number
  readonly reason: string
  /** Flat name, value, … */
  readonly fields: readonly string[]
  /** A list out of a parser, where most of `fields` come from one: their values are not looked at again. */
  readonly parsed: readonly string[]
  /** RFC 9110 §6.4.1: HEAD, 204, 304. */
  readonly bodiless: boolean
  /** How long the connection may stay idle afterwards; 0 or less says nothing about it. */
  readonly keepAliveMs: number
}

export interface ComposedHead {
  readonly text: string
  /** Of `content-length`; -1 without one. */
  readonly length: number
  readonly chunked: boolean
  /** The answer is the last on its connection. */
  readonly closes: boolean
}

interface Meaning {
  readonly kind: 'plain' | 'length' | 'date' | 'connection' | 'invalid'
  /** Between the line before and the value: one string instead of three to add. */
  readonly opening: string
}

const meaningOf = memoByName((lower, name): Meaning => ({ kind: kindOf(lower), opening: `\r\n${name}: ` }))

function kindOf(lower: string): Meaning['kind'] {
  if (lower === 'content-length') return 'length'
  if (lower === 'date' || lower === 'connection') return lower
  return isToken(lower) ? 'plain' : 'invalid'
}

/** Null: a status, reason or field that HTTP does not know. Every byte is looked at: a plugin's line feed would split the answer. */
export function composeHead({
  status,
  reason,
  fields,
  parsed,
  bodiless,
  keepAliveMs,
}: AnswerHead): ComposedHead | null {
  const statusLine = statusLineOf(status, reason)
  if (statusLine === null) return null
  let text = statusLine
  let length = -1
  let dated = false
  let closes = false
  let next = 0
  for (let i = 0; i < fields.length; i += 2) {
    const value = asText(fields[i + 1]!)
    const { kind, opening } = meaningOf(fields[i]!)
    if (kind === 'invalid') return null
    const at = placeOfValue(parsed, value, next)
    if (at >= 0) next = at + 2
    else if (!isFieldValue(value)) return null
    if (kind === 'connection') {
      closes ||= value.toLowerCase() === 'close'
      continue
    }
    if (kind === 'length') length = Number(value)
    else if (kind === 'date') dated = true
    text = text + opening + value
  }
  if (!dated) text += date()
  const chunked = length === -1 && !bodiless
  if (chunked) text += '\r\nTransfer-Encoding: chunked'
  text += closes ? '\r\nConnection: close\r\n\r\n' : keepAlive(keepAliveMs)
  return { text, length, chunked, closes }
}

let lastStatus = 0
let lastReason = ''
let lastStatusLine = ''

/** Most answers have the status of the one before. Null: HTTP does not know it. */
function statusLineOf(status: number, reason: string): string | null {
  if (status === lastStatus && reason === lastReason) return lastStatusLine
  if (!isFinalStatus(status) || !isFieldValue(reason)) return null
  lastStatus = status
  lastReason = reason
  lastStatusLine = `HTTP/1.1 ${status} ${reason}`
  return lastStatusLine
}

function isFinalStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 200 && status <= 999
}

let dateText = ''
let dateSecond = 0

/** RFC 9110 §6.6.1, written anew once a second. */
function date(): string {
  const now = Date.now()
  const second = now - (now % 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = `\r\nDate: ${new Date(second).toUTCString()}`
  }
  return dateText
}

let keepAliveMs = 0
let keepAliveText = '\r\nConnection: keep-alive\r\n\r\n'

function keepAlive(ms: number): string {
  if (ms !== keepAliveMs) {
    keepAliveMs = ms
    const timeout = ms > 0 ? `\r\nKeep-Alive: timeout=${Math.floor(ms / 1000)}` : ''
    keepAliveText = `\r\nConnection: keep-alive${timeout}\r\n\r\n`
  }
  return keepAliveText
}
