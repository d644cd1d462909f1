/** Whether an answer may be kept, and for how long (RFC 9111 §3 for a shared cache, and the gateway's own `ttl`). Pure. */
import type { AnswerView } from './answer.ts'
import { explicitLifetime, initialAge, type Times } from './freshness.ts'
import type { RequestView } from './request.ts'

export interface Candidate {
  readonly method: string
  readonly status: number
  readonly request: RequestView
  readonly answer: AnswerView
  /** The request carries `Authorization` or `Cookie` that no plugin of the route took as its own. */
  readonly unclaimed: { readonly authorization: boolean; readonly cookie: boolean }
  /** The gateway's own lifetime for answers whose origin gives none. */
  readonly ttlMs: number | null
  readonly times: Times
}

export interface Keeping {
  readonly lifetime: number
  readonly initialAge: number
  /** The lifetime is the gateway's own `ttl`. */
  readonly ownTtl: boolean
}

/** Why an answer is not kept: shown in the decision record. */
export type NotKept =
  | 'method'
  | 'status'
  | 'no-store'
  | 'private'
  | 'no-cache'
  | 'authorization'
  | 'set-cookie'
  | 'vary'
  | 'no-lifetime'
  | 'expired'

const MAX_VARY = 16

/** Statuses that the gateway's own ttl applies to. */
const ownTtlStatuses: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 410])

/** Statuses whose caching we know how to do (RFC 9110 §15), for `must-understand`. */
const understood: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 409, 410, 411, 413, 414, 415, 421, 422,
  426, 500, 501, 502, 503, 504, 505,
])

/** How an answer is kept, or why it is not. */
export function judge(candidate: Candidate): Keeping | NotKept {
  const { answer, times } = candidate
  const refusal = refused(candidate)
  if (refusal !== null) return refusal
  const age = initialAge(answer, times)
  const explicit = explicitLifetime(answer, times)
  const lifetime = explicit ?? ownLifetime(candidate, age)
  if (lifetime === null) return 'no-lifetime'
  // Without revalidation an answer that is stale already is of no use.
  if (lifetime <= age) return 'expired'
  return { lifetime, initialAge: age, ownTtl: explicit === null }
}

function refused({ method, status, request, answer, unclaimed }: Candidate): NotKept | null {
  const { directives } = answer
  if (method !== 'GET') return 'method'
  if (status < 200 || status === 206 || status === 304 || status > 599) return 'status'
  // RFC 9111 §5.2.2.3: who understands the status ignores the no-store beside must-understand; who does not, does not store.
  const mustUnderstand = directives.has('must-understand')
  if (mustUnderstand && !understood.has(status)) return 'status'
  if (request.directives.has('no-store')) return 'no-store'
  if (directives.has('no-store') && !mustUnderstand) return 'no-store'
  // Also with field names as argument: RFC 9111 §5.2.2.4 and §5.2.2.7 allow to treat these like the bare form.
  if (directives.has('private')) return 'private'
  if (directives.has('no-cache')) return 'no-cache'
  if (answer.vary === null || answer.vary.length > MAX_VARY) return 'vary'
  // RFC 9111 §3.5.
  const forAll = directives.has('public') || directives.has('s-maxage') || directives.has('must-revalidate')
  if (unclaimed.authorization && !forAll) return 'authorization'
  if (answer.setsCookies && !directives.has('public')) return 'set-cookie'
  return null
}

/** The ttl counts from the answer's arrival, however old it is. Never where the answer may be somebody's own. */
function ownLifetime({ status, answer, unclaimed, ttlMs }: Candidate, age: number): number | null {
  if (ttlMs === null || answer.setsCookies || !ownTtlStatuses.has(status)) return null
  return unclaimed.authorization || unclaimed.cookie ? null : age + ttlMs
}
