/** The error table: every failure a client may see, with its status and the RFC 9209 error type; and the class that carries one. */

export interface ProblemRow {
  readonly status: number
  readonly title: string
  /** Whose fault it is, as passive health and the access log see it. */
  readonly source: 'client' | 'upstream' | 'gateway'
  /** The proxy error type of RFC 9209 §2.3. */
  readonly proxyError: string
}

const row = (status: number, title: string, source: ProblemRow['source'], proxyError: string): ProblemRow => ({
  status,
  title,
  source,
  proxyError,
})

export const problems = {
  'bad-request': row(400, 'Bad request', 'client', 'http_request_error'),
  'credentials-missing': row(401, 'Credentials missing', 'client', 'http_request_denied'),
  'credentials-invalid': row(401, 'Credentials invalid', 'client', 'http_request_denied'),
  forbidden: row(403, 'Forbidden', 'client', 'http_request_denied'),
  'route-not-found': row(404, 'No such route', 'client', 'destination_not_found'),
  'method-not-allowed': row(405, 'Method not allowed', 'client', 'http_request_error'),
  'request-timeout': row(408, 'Request timeout', 'client', 'http_request_error'),
  'body-too-large': row(413, 'Body too large', 'client', 'http_request_error'),
  'uri-too-long': row(414, 'URI too long', 'client', 'http_request_error'),
  'unsupported-media-type': row(415, 'Unsupported media type', 'client', 'http_request_error'),
  'expectation-failed': row(417, 'Expectation failed', 'client', 'http_request_error'),
  'misdirected-request': row(421, 'Misdirected request', 'client', 'http_request_error'),
  'rate-limited': row(429, 'Too many requests', 'client', 'http_request_denied'),
  'quota-exceeded': row(429, 'Quota exceeded', 'client', 'http_request_denied'),
  'headers-too-large': row(431, 'Headers too large', 'client', 'http_request_error'),
  'client-closed': row(499, 'Client closed the connection', 'client', 'http_request_error'),
  'plugin-failed': row(500, 'Plugin failed', 'gateway', 'proxy_internal_error'),
  internal: row(500, 'Internal error', 'gateway', 'proxy_internal_error'),
  'not-supported': row(501, 'Not supported', 'client', 'http_request_error'),
  'upstream-unresolved': row(502, 'Upstream name not resolved', 'upstream', 'dns_error'),
  'upstream-refused': row(502, 'Upstream refused the connection', 'upstream', 'connection_refused'),
  'upstream-tls-failed': row(502, 'Upstream TLS failed', 'upstream', 'tls_protocol_error'),
  'upstream-closed': row(502, 'Upstream closed the connection', 'upstream', 'connection_terminated'),
  'upstream-malformed': row(502, 'Upstream answer malformed', 'upstream', 'http_protocol_error'),
  'upstream-head-too-large': row(
    502,
    'Upstream answer head too large',
    'upstream',
    'http_response_header_section_size',
  ),
  'upstream-incomplete': row(502, 'Upstream answer incomplete', 'upstream', 'http_response_incomplete'),
  'upgrade-failed': row(502, 'Upgrade failed', 'upstream', 'http_upgrade_failed'),
  'loop-detected': row(502, 'Loop detected', 'gateway', 'proxy_loop_detected'),
  'upstream-unavailable': row(503, 'No upstream available', 'upstream', 'destination_unavailable'),
  'upstream-overloaded': row(503, 'Upstream overloaded', 'gateway', 'connection_limit_reached'),
  overloaded: row(503, 'Gateway overloaded', 'gateway', 'connection_limit_reached'),
  'shutting-down': row(503, 'Shutting down', 'gateway', 'proxy_internal_response'),
  'store-unavailable': row(503, 'Store unavailable', 'gateway', 'proxy_internal_error'),
  'upstream-connect-timeout': row(504, 'Upstream connect timeout', 'upstream', 'connection_timeout'),
  'not-cached': row(504, 'Not in the cache', 'client', 'proxy_internal_response'),
  'upstream-timeout': row(504, 'Upstream timeout', 'upstream', 'http_response_timeout'),
} as const satisfies Record<string, ProblemRow>

export type ProblemCode = keyof typeof problems

export interface ProblemInit {
  /** Flat name, value, …: `www-authenticate`, `retry-after`, `allow`. */
  readonly headers?: readonly string[]
  /** Kept for the operator's log; never shown to the client. */
  readonly cause?: unknown
}

/** A failure with a row in the table. `detail` is shown to the client: it never holds a secret, an address or an upstream's words. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly detail: string
  readonly headers: readonly string[]

  constructor(code: ProblemCode, detail: string, init: ProblemInit = {}) {
    super(`${code}: ${detail}`, init.cause === undefined ? undefined : { cause: init.cause })
    this.code = code
    this.detail = detail
    this.headers = init.headers ?? []
  }

  get status(): number {
    return problems[this.code].status
  }
}

/** The RFC 9457 document of a problem; `instance` is the request's id. */
export function problemDocument(problem: Problem, requestId: string): string {
  const { status, title } = problems[problem.code]
  return `${JSON.stringify({
    type: `urn:sluice:problem:${problem.code}`,
    title,
    status,
    detail: problem.detail,
    instance: requestId,
    code: problem.code,
  })}\n`
}
