/** One line of the access log, read back: what was asked, by whom, and what became of it. */
import type { TimedLine } from './in-order.ts'
import type { Line } from './lines.ts'

export interface LogRecord {
  readonly line: number
  /** Milliseconds since the epoch: when the request came. */
  readonly time: number
  readonly listener: string
  readonly client: string
  readonly method: string
  /** Null: the request named none, which HTTP/1.0 allows. */
  readonly host: string | null
  readonly path: string
  readonly query: string
  readonly route: string | null
  readonly code: string | null
  readonly source: string
  readonly consumer: LoggedConsumer | null
  readonly upstream: string | null
  /** Bytes of the body that came. */
  readonly received: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** Parsed when asked for. */
  readonly decisions: () => readonly LoggedDecision[]
}

export interface LoggedConsumer {
  readonly source: 'key' | 'basic' | 'mtls' | 'jwt'
  readonly name: string | null
  readonly id: string | null
}

export interface LoggedDecision {
  readonly plugin: string
  readonly verdict: string
  readonly reason: string
  readonly mode: string
  readonly inputs: Readonly<Record<string, unknown>>
}

/** How a line starts, and where its decisions start: the last member of the record, and the larger half of it. */
const TIME_START = Buffer.from('{"time":"')
const TIME_LENGTH = '2026-11-26T00:00:00.000Z'.length
const DECISIONS_START = Buffer.from(',"decisions":[')

/** When the request of a line came, in milliseconds since the epoch; NaN: the line is not one of the access log's. */
export function timeOf({ bytes }: Line): number {
  const start = TIME_START.length
  if (bytes.subarray(0, start).equals(TIME_START)) {
    const time = Date.parse(bytes.toString('latin1', start, start + TIME_LENGTH))
    if (!Number.isNaN(time)) return time
  }
  const when = parsed(bytes)?.['time']
  return isText(when) ? Date.parse(when) : Number.NaN
}

/** Null: the line is not one of the access log's. */
export function readRecord({ bytes, number, time }: TimedLine): LogRecord | null {
  const whole = splitAtDecisions(bytes) ?? unsplit(bytes)
  if (whole === null) return null
  const { data, decisions } = whole
  const { method, host, path, query, client, listener, request, route, code, consumer, upstream, received } = data
  const named = isText(method) && isText(path) && isText(client) && isText(listener) && isText(query)
  if (!named || !isOptionalText(host) || !isOptionalText(route) || !isOptionalText(code)) return null
  if (consumer !== null && !isConsumer(consumer)) return null
  const headers = isMap(request) && isMap(request['headers']) ? (request['headers'] as LogRecord['headers']) : noHeaders
  return {
    line: number,
    time,
    method,
    path,
    query,
    client,
    listener,
    host,
    route,
    code,
    consumer,
    upstream: isText(upstream) ? upstream : null,
    source: String(data['source']),
    received: Number.isSafeInteger(received) ? Number(received) : 0,
    headers,
    decisions,
  }
}

interface Halves {
  readonly data: Readonly<Record<string, unknown>>
  readonly decisions: () => readonly LoggedDecision[]
}

/** Decisions are parsed for the few records whose end would be another one. Null: the line is not as we write it. */
function splitAtDecisions(bytes: Buffer): Halves | null {
  const at = bytes.indexOf(DECISIONS_START)
  if (at === -1 || bytes.at(-1) !== BRACE || bytes.at(-2) !== BRACKET) return null
  const data = parsedText(`${bytes.toString('utf8', 0, at)}}`)
  if (data === null) return null
  const list = bytes.subarray(at + DECISIONS_START.length - 1, -1)
  return { data, decisions: () => decisionsOf(parsedValue(list.toString())) }
}

function unsplit(bytes: Buffer): Halves | null {
  const data = parsed(bytes)
  const decisions = data?.['decisions']
  return data === null || !Array.isArray(decisions) ? null : { data, decisions: () => decisionsOf(decisions) }
}

function decisionsOf(list: unknown): readonly LoggedDecision[] {
  return Array.isArray(list) ? list.filter(isDecision) : []
}

function parsed(bytes: Buffer): Halves['data'] | null {
  return parsedText(bytes.toString())
}

function parsedText(text: string): Halves['data'] | null {
  const value = parsedValue(text)
  return isMap(value) ? value : null
}

/** Undefined: not JSON. */
function parsedValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const BRACE = 0x7d
const BRACKET = 0x5d
const noHeaders: LogRecord['headers'] = Object.freeze({})

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isOptionalText(value: unknown): value is string | null {
  return value === null || isText(value)
}

function isConsumer(value: unknown): value is LoggedConsumer {
  return isMap(value) && isText(value['source']) && isOptionalText(value['id'])
}

function isDecision(value: unknown): value is LoggedDecision {
  return isMap(value) && isText(value['plugin']) && isText(value['verdict']) && isMap(value['inputs'])
}
