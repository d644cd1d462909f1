/** The gateway's own log: JSON lines on stderr. What requests do is in the access log, on stdout. */
import { pino, stdSerializers, stdTimeFunctions } from 'pino'
import type { Log } from '../plugin.ts'
import { LineSink } from './line-sink.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface LineDestination {
  write(line: string): void
}

export interface LogOptions {
  readonly level?: LogLevel
  /** Takes whole lines. Default: stderr. */
  readonly destination?: LineDestination
  /** In every line. */
  readonly fields?: object
}

/** Log lines are one JSON object each; `error` fields are written with their stack and cause. */
export function createLog(options: LogOptions = {}): Log {
  return pino(
    {
      level: options.level ?? 'info',
      base: options.fields ?? null,
      errorKey: 'error',
      messageKey: 'message',
      timestamp: stdTimeFunctions.isoTime,
      serializers: { error: stdSerializers.errWithCause },
      formatters: { level: (level) => ({ level }), log: (fields) => redacted(fields, 0) as Record<string, unknown> },
    },
    options.destination ?? standardError(),
  )
}

/** Where log lines go unless somebody says otherwise. */
export function standardError(): LineDestination {
  return new LineSink('stderr', silentEvents)
}

// The log cannot report its own loss anywhere: stderr is the last resort.
const silentEvents = { dropped(): void {}, failed(): void {}, recovered(): void {} }

const SECRET = /^(authorization|proxy-authorization|cookie|set-cookie)$|api[-_]?key|token|secret|password|passwd/i
const MAX_DEPTH = 6

/**
 * A copy without the values of fields whose names say "secret". The second net: callers leave them out themselves.
 * Header lists are flat here (name, value, …), so a list is searched by the same names.
 */
function redacted(value: unknown, depth: number): unknown {
  if (Array.isArray(value)) {
    return value.map((item, i) => (isSecret(value[i - 1]) && i % 2 === 1 ? '[redacted]' : redacted(item, depth + 1)))
  }
  if (!isPlain(value)) return value
  if (depth >= MAX_DEPTH) return '[too deep]'
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, isSecret(name) ? '[redacted]' : redacted(item, depth + 1)]),
  )
}

function isSecret(name: unknown): boolean {
  return typeof name === 'string' && SECRET.test(name)
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
