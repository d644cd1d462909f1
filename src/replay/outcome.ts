/** What became of a request, as far as a config decides it: in the log, and under the new config. */
import type { DryRun } from '../generation/dry-run.ts'
import type { LogRecord } from './record.ts'
import { sidesOf } from './sides.ts'

export interface Outcome {
  readonly route: string | null
  /** `forwarded` (a cache may have answered), `answered` by the gateway, or the code of the refusal. */
  readonly fate: string
  /** Those that it may have been sent to. */
  readonly upstreams: readonly string[]
  readonly consumer: string | null
  readonly fromCache: boolean
  /** Looked through when the rest does not tell. */
  readonly decisions: () => readonly Decided[]
}

export interface LimitDecision {
  /** Name, amount, window and key space: equal parameters count alike. */
  readonly parameters: string
  readonly refused: boolean
}

/** Codes that a config decides by what the log holds. Of the others the log's word is taken. */
const decided = new Set([
  'route-not-found',
  'method-not-allowed',
  'credentials-missing',
  'credentials-invalid',
  'forbidden',
  'rate-limited',
  'quota-exceeded',
])

/** Null: it ended for reasons that no replay can know — the connection, the body, the state of the gateway. */
export function loggedOutcome(record: LogRecord): Outcome | null {
  const { code, route, upstream, consumer, source, decisions } = record
  const beforeTarget = code !== null && !decided.has(code)
  // A failure of the upstream is one of a forwarded request.
  if (beforeTarget && upstream === null) return null
  const refused = code !== null && decided.has(code)
  const fate = refused ? code : upstream !== null || source === 'cache' ? 'forwarded' : 'answered'
  return {
    route,
    fate,
    upstreams: upstream === null ? [] : [upstream],
    consumer: consumer === null ? null : (consumer.id ?? 'somebody'),
    fromCache: source === 'cache',
    decisions,
  }
}

export function rehearsedOutcome(run: DryRun, record: LogRecord): Outcome {
  const { exchange, forwarded } = run
  const { route, problem, consumer, decisions } = exchange
  const passes = forwarded === null ? 'answered' : 'forwarded'
  const fate = problem?.code ?? (isStillRefused(record, decisions) ? 'credentials-invalid' : passes)
  return {
    route: route?.name ?? null,
    fate,
    upstreams: sidesOf(run, record),
    consumer: consumer === null ? null : (consumer.id ?? 'somebody'),
    fromCache: false,
    decisions: () => decisions,
  }
}

/** Bad credentials are described as none, and an authenticator that may be passed without any would not pass them. */
function isStillRefused({ code }: LogRecord, decisions: readonly Decided[]): boolean {
  return code === 'credentials-invalid' && decisions.some(({ reason }) => reason === 'anonymous')
}

export interface Decided {
  readonly plugin: string
  readonly verdict: string
  readonly reason: string
  readonly mode: string
  readonly inputs: Readonly<Record<string, unknown>>
}

/** Its upstream failed, or had nobody to ask: the one that is logged stood in. */
export function wasStoodInFor({ decisions }: Outcome): boolean {
  return decisions().some(({ plugin, reason }) => plugin === 'upstream' && reason === 'fallback')
}

/** What each limit decided from, in order. */
export function limitsOf({ decisions }: Outcome): LimitDecision[] {
  const limits: LimitDecision[] = []
  for (const { plugin, verdict, mode, inputs } of decisions()) {
    if (plugin !== 'rate-limit') continue
    const { limit, by, max, window } = inputs
    limits.push({ parameters: `${limit} ${by} ${max} ${window} ${mode}`, refused: verdict === 'refuse' })
  }
  return limits
}

export function reachedCache({ decisions }: Outcome): boolean {
  return decisions().some(({ plugin }) => plugin === 'cache')
}

/** Key of a cache that was asked; null: none was. */
export function cacheKeyOf({ decisions }: Outcome): string | null {
  const found = decisions().find(({ plugin, inputs }) => plugin === 'cache' && typeof inputs['key'] === 'string')
  // Consumers have entries of their own, unless the cache is shared.
  return found === undefined ? null : `${found.inputs['consumer'] ?? ''} ${found.inputs['key']}`
}
