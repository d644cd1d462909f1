/** How old a stored answer is and how long it may be used (RFC 9111 §4.2). Times in milliseconds since the epoch. */
import type { Directives } from './directives.ts'
import { httpDate } from './http-date.ts'

/** The fields of a response that say how fresh it is, each with all its lines. */
export interface FreshnessFields {
  readonly directives: Directives
  readonly date: readonly string[]
  readonly expires: readonly string[]
  readonly age: readonly string[]
}

export interface Times {
  readonly requestedAt: number
  readonly receivedAt: number
}

/** When the answer was made: its Date, else when it came (RFC 9110 §6.6.1). */
export function dateOf(fields: FreshnessFields, { receivedAt }: Times): number {
  const [date] = fields.date
  return (date === undefined ? null : httpDate(date, receivedAt)) ?? receivedAt
}

/**
 * How long the origin lets a shared cache use the answer: s-maxage, max-age, Expires less Date (RFC 9111 §4.2.1).
 * Null: it does not say. No heuristics.
 */
export function explicitLifetime(fields: FreshnessFields, times: Times): number | null {
  const { directives, expires } = fields
  const seconds = directives.seconds('s-maxage') ?? directives.seconds('max-age')
  if (seconds !== null) return seconds * 1000
  if (expires.length === 0) return null
  // RFC 9111 §5.3: what is no date, "0" above all, means already expired. Several lines contradict each other.
  const until = expires.length === 1 ? httpDate(expires[0]!, times.receivedAt) : null
  return until === null ? 0 : Math.max(0, until - dateOf(fields, times))
}

/** The age at the moment the answer came: corrected_initial_age of RFC 9111 §4.2.3. */
export function initialAge(fields: FreshnessFields, times: Times): number {
  const { requestedAt, receivedAt } = times
  // Date knows whole seconds only: an answer of this very second has no age.
  const apparent = Math.max(0, receivedAt - (receivedAt % 1000) - dateOf(fields, times))
  const corrected = ageValue(fields.age) + (receivedAt - requestedAt)
  return Math.max(apparent, corrected)
}

/** RFC 9111 §5.1: of a list the first member; what is not a number is ignored. */
function ageValue(lines: readonly string[]): number {
  const [first = ''] = (lines[0] ?? '').split(',', 1)
  const text = first.trim()
  return /^[0-9]+$/.test(text) ? Math.min(Number(text), 2 ** 31) * 1000 : 0
}

/** What of a stored answer its age depends on. */
export interface Aged {
  readonly receivedAt: number
  readonly initialAge: number
}

/** current_age of RFC 9111 §4.2.3. A clock set back makes nothing younger than it was when it came. */
export function currentAge(stored: Aged, now: number): number {
  return stored.initialAge + Math.max(0, now - stored.receivedAt)
}
