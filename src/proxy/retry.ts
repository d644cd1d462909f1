/** What may be tried again, and when. Pure. */
import type { RetryCause, RetryConfig } from '../config/resilience.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { UpstreamRequest } from '../exchange/upstream-request.ts'
import { idempotent } from '../http1/call.ts'
import { WireError, type WireErrorCode } from '../http1/wire-error.ts'

const causes: Readonly<Partial<Record<WireErrorCode, RetryCause>>> = {
  unresolved: 'connect',
  refused: 'connect',
  'connect-timeout': 'connect',
  'tls-failed': 'connect',
  closed: 'closed',
  'response-timeout': 'timeout',
  'write-timeout': 'timeout',
}

/** Null for what another try would not mend, or what came after the answer had begun. */
export function causeOf(code: WireErrorCode): RetryCause | null {
  return causes[code] ?? null
}

/** A try that took longer than `perTry`. */
export function overdueTry(sent: boolean, answered = false): WireError {
  return new WireError('response-timeout', 'the try took longer than `perTry`', { sent, answered })
}

/** The connection may have died idle (RFC 9112 §9.3.1), which says nothing about its target. */
export function isKeepAliveRace({ code, reused, answered }: WireError): boolean {
  return code === 'closed' && reused && !answered
}

/** Always allowed once, configured or not: the request had no effect, or repeating it has none. */
export function mayRepeatRace({ attempts, upstreamRequest, facts }: Exchange): boolean {
  return attempts === 1 && facts.body.kind === 'none' && idempotent.has(upstreamRequest.method)
}

/** Whether a request that may have had its effect can be sent again: by its method, or because its client says so. */
export function isRepeatable({ method, headers }: UpstreamRequest): boolean {
  return idempotent.has(method) || headers.has('idempotency-key')
}

/**
 * Milliseconds to wait before retry `number` (from 1), drawn from [0, base × 2ⁿ⁻¹): requests that failed together do
 * not come again together. Null: the upstream asks for a longer wait than is worth it.
 */
export function delayBefore(
  number: number,
  backoff: RetryConfig['backoff'],
  { random, retryAfterMs = 0 }: { readonly random: number; readonly retryAfterMs?: number },
): number | null {
  if (retryAfterMs > backoff.maxMs) return null
  const spread = Math.min(backoff.baseMs * 2 ** (number - 1), backoff.maxMs)
  return Math.max(retryAfterMs, Math.floor(random * spread))
}

/** Milliseconds that a Retry-After (RFC 9110 §10.2.3) asks for; 0 for none and for what cannot be read. */
export function retryAfterMs(headers: readonly string[], now: number): number {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() !== 'retry-after') continue
    const value = headers[i + 1]!
    if (/^[0-9]+$/.test(value)) return Number(value) * 1000
    return httpDate.test(value) ? Math.max(0, Date.parse(value) - now) : 0
  }
  return 0
}

/** The one form that is still sent (RFC 9110 §5.6.7); `Date.parse` alone takes "-1" for a year. */
const httpDate = /^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/
