/** One line of the access log, read back: what was asked, by whom, and what became of it. */

export interface LogRecord {
  readonly line: number
  /** Milliseconds since the epoch: when the request came. */
  readonly time: number
  readonly listener: string
  readonly client: string
  readonly method: string
  readonly host: string
  readonly path: string
  readonly query: string
  readonly route: string | null
  readonly status: number
  readonly code: string | null
  readonly source: string
  readonly consumer: LoggedConsumer | null
  readonly upstream: string | null
  /** Bytes of the body that came. */
  readonly received: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly decisions: readonly LoggedDecision[]
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

/** Null: the line is not one of the access log's. */
export function readRecord(text: string, line: number): LogRecord | null {
  const data = parsed(text)
  if (data === null) return null
  const { time: when, method, host, path, query, client, listener, request, decisions } = data
  const time = typeof when === 'string' ? Date.parse(when) : Number.NaN
  const named = [method, path, client, listener].every((part) => typeof part === 'string')
  if (Number.isNaN(time) || !named || !isText(host ?? '') || !isText(query) || !Array.isArray(decisions)) return null
  if (!isOptionalText(data['route']) || !isOptionalText(data['code']) || !isConsumer(data['consumer'])) return null
  const headers = isMap(request) && isMap(request['headers']) ? request['headers'] : {}
  // Every member that is used below is of its type by now, or checked where it is used.
  return {
    ...(data as unknown as LogRecord),
    line,
    time,
    host: isText(host) ? host : '',
    upstream: isText(data['upstream']) ? data['upstream'] : null,
    source: String(data['source']),
    received: Number.isSafeInteger(data['received']) ? Number(data['received']) : 0,
    headers: headers as LogRecord['headers'],
    decisions: decisions.filter(isDecision),
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const data: unknown = JSON.parse(text)
    return isMap(data) ? data : null
  } catch {
    return null
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isOptionalText(value: unknown): boolean {
  return value === null || isText(value)
}

function isConsumer(value: unknown): boolean {
  return value === null || (isMap(value) && isText(value['source']) && isOptionalText(value['id']))
}

function isDecision(value: unknown): value is LoggedDecision {
  return isMap(value) && isText(value['plugin']) && isText(value['verdict']) && isMap(value['inputs'])
}
