/**
 * Composes a response head in one string and hands it to Node as composed. `writeHead` does the same in twice the time,
 * a check and a branch per field. The one place that leans on fields of Node's own: checked at start, `writeHead` beside it.
 */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { isFieldValue, isToken } from '../exchange/headers.ts'
import { memoByName } from '../exchange/name-memo.ts'

/** What `writeHead` leaves behind on a response, and `end` and `write` go on from. */
interface Composed {
  _header: string | null
  _contentLength: number | null
  chunkedEncoding: boolean
}

/** The head of an answer that keeps its connection: HTTP/1.1, no `connection` field of ours. */
export interface DirectHead {
  readonly status: number
  readonly reason: string
  /** Flat name, value, … */
  readonly fields: readonly string[]
  /** RFC 9110 §6.4.1: HEAD, 204, 304. */
  readonly bodiless: boolean
}

type Meaning = 'plain' | 'length' | 'date' | 'connection' | 'invalid'

const meaningOf = memoByName((lower): Meaning => {
  if (lower === 'content-length') return 'length'
  if (lower === 'date' || lower === 'connection') return lower
  return isToken(lower) ? 'plain' : 'invalid'
})

/** Composes the head. False: not one of those it is for, and nothing has been done; `writeHead` is to be asked. */
export function writeDirectHead(response: ServerResponse, head: DirectHead): boolean {
  if (!works || !response.shouldKeepAlive || response.req.httpVersionMinor !== 1) return false
  const composed = response as unknown as Composed
  if (composed._header !== null || !isFinalStatus(head.status) || !isFieldValue(head.reason)) return false
  const { fields } = head
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`
  let length = -1
  let dated = false
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1]!
    const meaning = meaningOf(fields[i]!)
    if (meaning === 'length') length = Number(value)
    else if (meaning === 'date') dated = true
    // What is not plain is left to Node: it closes, or says what is wrong.
    else if (meaning !== 'plain') return false
    if (!isFieldValue(value)) return false
    text += `${fields[i]}: ${value}\r\n`
  }
  if (!dated) text += date()
  const chunked = length === -1 && !head.bodiless
  text += chunked ? 'Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n' : 'Connection: keep-alive\r\n'
  composed._header = `${text}${keepAlive(response)}\r\n`
  composed._contentLength = length === -1 ? null : length
  composed.chunkedEncoding = chunked
  response.statusCode = head.status
  if (head.bodiless) (response as unknown as { _hasBody: boolean })._hasBody = false
  return true
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

/** How long the connection may stay idle, as Node says it. */
function keepAlive(response: ServerResponse): string {
  const { _keepAliveTimeout: ms } = response as unknown as { _keepAliveTimeout: number }
  if (!(ms > 0)) return ''
  if (ms !== keepAliveMs) {
    keepAliveMs = ms
    keepAliveText = `Keep-Alive: timeout=${Math.floor(ms / 1000)}\r\n`
  }
  return keepAliveText
}

let works = true
works = agreesWithNode()

/** Whether this Node sends the same bytes for a head composed here as for one that it was given. */
function agreesWithNode(): boolean {
  const fields = ['date', 'Thu, 01 Jan 1970 00:00:00 GMT', 'x-a', 'b', 'content-length', '2']
  const direct = sent((response) => {
    if (!writeDirectHead(response, { status: 203, reason: 'Check', fields, bodiless: false })) response.destroy()
  })
  const public_ = sent((response) => response.writeHead(203, 'Check', fields))
  return direct === public_ && direct.endsWith('\r\n\r\nok')
}

function sent(write: (response: ServerResponse) => void): string {
  const request = new IncomingMessage(new Socket())
  request.httpVersionMajor = 1
  request.httpVersionMinor = 1
  request.method = 'GET'
  const response = new ServerResponse(request)
  let bytes = ''
  const socket = new Socket()
  socket.write = (chunk: unknown) => {
    bytes += String(chunk)
    return true
  }
  response.assignSocket(socket)
  write(response)
  response.end('ok', 'latin1')
  response.detachSocket(socket)
  socket.destroy()
  return bytes
}

/** For tests: switches to the public path and back. */
export function useDirectHead(on: boolean): void {
  works = on
  if (on) works = agreesWithNode()
}

/** Whether heads are composed here in this process. */
export function directHeadWorks(): boolean {
  return works
}
