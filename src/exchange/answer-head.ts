/** The head of an HTTP/1.1 answer, composed in one string: what node:http's writeHead would say, in half the time. */
import { placeOfValue } from '../http1/grammar.ts'
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

type Meaning = 'plain' | 'length' | 'date' | 'connection' | 'invalid'

const meaningOf = memoByName((lower): Meaning => {
  if (lower === 'content-length') return 'length'
  if (lower === 'date' || lower === 'connection') return lower
  return isToken(lower) ? 'plain' : 'invalid'
})

/** Null: a status, reason or field that HTTP does not know. Every byte is looked at: a plugin's line feed would split the answer. */
export function composeHead({
  status,
  reason,
  fields,
  parsed,
  bodiless,
  keepAliveMs,
}: AnswerHead): ComposedHead | null {
  if (!isFinalStatus(status) || !isFieldValue(reason)) return null
  let text = `HTTP/1.1 ${status} ${reason}\r\n`
  let length = -1
  let dated = false
  let closes = false
  let next = 0
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1]!
    const meaning = meaningOf(fields[i]!)
    if (meaning === 'invalid') return null
    const at = placeOfValue(parsed, value, next)
    if (at >= 0) next = at + 2
    else if (!isFieldValue(value)) return null
    if (meaning === 'connection') {
      closes ||= value.toLowerCase() === 'close'
      continue
    }
    if (meaning === 'length') length = Number(value)
    else if (meaning === 'date') dated = true
    text += `${fields[i]}: ${value}\r\n`
  }
  if (!dated) text += date()
  const chunked = length === -1 && !bodiless
  if (chunked) text += 'Transfer-Encoding: chunked\r\n'
  text += closes ? 'Connection: close\r\n\r\n' : `Connection: keep-alive\r\n${keepAlive(keepAliveMs)}\r\n`
  return { text, length, chunked, closes }
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
    dateText = `Date: ${new Date(second).toUTCString()}\r\n`
  }
  return dateText
}

let keepAliveMs = 0
let keepAliveText = ''

function keepAlive(ms: number): string {
  if (!(ms > 0)) return ''
  if (ms !== keepAliveMs) {
    keepAliveMs = ms
    keepAliveText = `Keep-Alive: timeout=${Math.floor(ms / 1000)}\r\n`
  }
  return keepAliveText
}
