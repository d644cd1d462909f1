/** What is compared of one request: as it was served, as a rehearsal decided, and as the gateway that serves explained it. */
import type { Decision } from '../../src/exchange/decision.ts'
import type { Explanation } from '../../src/explain/explanation.ts'
import type { DryRun } from '../../src/generation/dry-run.ts'
import { comparable, type Received } from './agreement-origin.ts'

export interface Verdict {
  readonly route: string | null
  /** Of the gateway's own answer. */
  readonly status: number | null
  readonly code: string | null
  readonly consumer: string | null
  readonly upstream: string | null
  readonly decisions: readonly string[]
  /** As received; of the targets that might have been picked, the one that was. */
  readonly line: string | null
}

export interface LogRecord {
  readonly id: string
  readonly route: string | null
  readonly status: number
  readonly code: string | null
  readonly source: string
  readonly consumer: { readonly id: string | null } | null
  readonly upstream: string | null
  readonly decisions: readonly Decision[]
}

export function servedAs(record: LogRecord, received: Received | undefined): Verdict {
  const { route, code, consumer, upstream, source, status, decisions } = record
  return {
    route,
    status: source === 'upstream' ? null : status,
    code,
    consumer: consumer?.id ?? null,
    upstream: source === 'cache' ? null : upstream,
    decisions: decisions.flatMap(wordsOf),
    line: received?.line ?? null,
  }
}

/** `line` is the one that was sent. */
export function rehearsedAs(run: DryRun, line: string | null): Verdict & { readonly headers: readonly string[] } {
  const { route, problem, consumer, upstreamName, decisions, reply } = run.exchange
  const heads = run.forwarded?.map(({ head }) => ({ ...head, line: `${head.method} ${head.target}` })) ?? []
  const picked = heads.find((head) => head.line === line) ?? heads[0]
  return {
    route: route?.name ?? null,
    status: picked === undefined ? reply.statusCode : null,
    code: problem?.code ?? null,
    consumer: consumer?.id ?? null,
    upstream: picked === undefined ? null : upstreamName,
    decisions: decisions.flatMap(wordsOf),
    line: picked?.line ?? null,
    headers: comparable(picked?.headers ?? []),
  }
}

export function explainedAs(
  { route, status, code, consumer, plugins, upstream }: Explanation,
  line: string | null,
): Verdict {
  const lines = upstream?.targets.map((target) => target.line.replace(/ HTTP\/1\.1$/, '')) ?? []
  return {
    route,
    status,
    code,
    consumer: consumer?.id ?? null,
    upstream: upstream?.name ?? null,
    decisions: plugins.flatMap(({ verdict, reason, ...rest }) =>
      verdict === 'not-reached' || reason === null ? [] : wordsOf({ verdict, reason, ...rest }),
    ),
    line: lines.find((one) => one === line) ?? lines[0] ?? null,
  }
}

/** Of what was served, the part that an explanation shows: the chain's decisions, and no secrets. */
export function asExplained({ decisions, line, ...rest }: Verdict): Verdict {
  return {
    ...rest,
    decisions: decisions.filter((one) => !/^(router|upstream) /.test(one)),
    line: line?.replace(/([?&]key)=[^&]+/, '$1=(hidden)') ?? null,
  }
}

/** One thing by several names: seen before or not, shown or only said to have been shown. */
const proved: ReadonlySet<string> = new Set(['token-known', 'token-verified', 'certificate-known', 'assumed'])

/** What differs for a good reason: stages that are told in dry runs alone, what an answer causes. */
function wordsOf({
  plugin,
  verdict,
  reason,
  mode,
}: Pick<Decision, 'plugin' | 'verdict' | 'reason' | 'mode'>): string[] {
  if (plugin === 'router' && verdict === 'pass') return []
  if (plugin === 'upstream' && reason !== 'split') return []
  if (plugin === 'cache' && (reason === 'not-kept' || reason === 'kept')) return []
  return [`${plugin} ${verdict} ${proved.has(reason) ? 'proved' : reason} ${mode}`]
}
