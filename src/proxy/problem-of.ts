/** Wire failures as the problems that clients see: the one place where the two vocabularies meet. */

import { WireError, type WireErrorCode } from '../http1/wire-error.ts'
import { Problem, type ProblemCode } from '../problem.ts'

const rows: Readonly<Record<WireErrorCode, readonly [ProblemCode, string]>> = {
  unresolved: ['upstream-unresolved', 'The name of the upstream could not be resolved.'],
  refused: ['upstream-refused', 'The upstream refused the connection.'],
  'connect-timeout': ['upstream-connect-timeout', 'The upstream did not accept the connection in time.'],
  'tls-failed': ['upstream-tls-failed', 'No secure connection to the upstream could be made.'],
  'queue-full': ['upstream-overloaded', 'Too many requests are waiting for the upstream.'],
  'queue-timeout': ['upstream-overloaded', 'The upstream was too busy to take the request in time.'],
  closed: ['upstream-closed', 'The upstream closed the connection before it answered.'],
  malformed: ['upstream-malformed', 'The upstream sent an answer that is not valid HTTP.'],
  'head-too-large': ['upstream-head-too-large', 'The head of the upstream’s answer is too large.'],
  'response-timeout': ['upstream-timeout', 'The upstream did not answer in time.'],
  'body-timeout': ['upstream-timeout', 'The upstream stopped sending its answer.'],
  'write-timeout': ['upstream-timeout', 'The upstream stopped reading the request.'],
  incomplete: ['upstream-incomplete', 'The upstream broke off its answer.'],
  'pool-closed': ['upstream-unavailable', 'The upstream is not in use any more.'],
}

/** Seconds a client is told to wait when the upstream's queue is full, or no target takes requests. */
const RETRY_AFTER = '1'

export function problemOf(error: WireError): Problem {
  const [code, detail] = rows[error.code]
  const headers = code === 'upstream-overloaded' ? ['retry-after', RETRY_AFTER] : []
  return new Problem(code, detail, { headers, cause: error })
}

/** Every target is drained, down or cut off; `waitMs` until one may be tried again, as far as is known. */
export function noTarget(waitMs = 0): Problem {
  const headers = ['retry-after', String(Math.max(Number(RETRY_AFTER), Math.ceil(waitMs / 1000)))]
  return new Problem('upstream-unavailable', 'No target of the upstream takes requests at present.', { headers })
}

/** The upstream did not answer, or nobody could be asked. */
export function isOfUpstream(code: ProblemCode): boolean {
  return code.startsWith('upstream-')
}

/** What a plugin threw, or made HTTP refuse, as a Problem: only a Problem's own words reach a client. */
export function toPluginProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  return new Problem('plugin-failed', 'A plugin failed on this request.', { cause: error })
}

/** Any error as a Problem: what nobody foresaw is `internal`, its text kept for the log alone. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof WireError) return problemOf(error)
  return new Problem('internal', 'Something went wrong inside the gateway.', { cause: error })
}
