/**
 * Composes a response head in one string and hands it to Node as composed. `writeHead` does the same in twice the time,
 * a check and a branch per field. The one place that leans on fields of Node's own: checked at start, `writeHead` beside it.
 */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { type AnswerHead, composeHead } from '../exchange/answer-head.ts'

/** What `writeHead` leaves behind on a response, and `end` and `write` go on from. */
interface Composed {
  _header: string | null
  _contentLength: number | null
  _hasBody: boolean
  chunkedEncoding: boolean
  /** How long the connection may stay idle, as Node says it. */
  readonly _keepAliveTimeout: number
}

/** Composes the head. False: not one of those it is for, and nothing has been done; `writeHead` is to be asked. */
export function writeDirectHead(response: ServerResponse, head: Omit<AnswerHead, 'keepAliveMs'>): boolean {
  if (!works || !response.shouldKeepAlive || response.req.httpVersionMinor !== 1) return false
  const to = response as unknown as Composed
  if (to._header !== null) return false
  const composed = composeHead({ ...head, keepAliveMs: to._keepAliveTimeout })
  // Node closes, or says what is wrong.
  if (composed === null || composed.closes) return false
  to._header = composed.text
  to._contentLength = composed.length === -1 ? null : composed.length
  to.chunkedEncoding = composed.chunked
  response.statusCode = head.status
  if (head.bodiless) to._hasBody = false
  return true
}

let works = true
works = agreesWithNode()

/** Whether this Node sends the same bytes for a head composed here as for one that it was given. */
function agreesWithNode(): boolean {
  const fields = ['date', 'Thu, 01 Jan 1970 00:00:00 GMT', 'x-a', 'b', 'content-length', '2']
  const direct = sent((response) => {
    if (!writeDirectHead(response, { status: 203, reason: 'Check', fields, parsed: [], bodiless: false }))
      response.destroy()
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
