/** What would happen to a request and why, as data: what `explain --json` and `POST /api/explain` answer (docs/explain.md). */
import type { Exchange } from '../exchange/exchange.ts'
import type { DryRun } from '../generation/dry-run.ts'
import type { Compiled } from '../generation/generation.ts'
import type { ConsideredRoute } from '../routing/candidates.ts'
import { concealed } from './concealed.ts'
import type { DescribedRequest } from './described-request.ts'
import {
  type ChangedHeader,
  changedHeaders,
  type ShownHeader,
  secretsHidden,
  shownHeaders,
  shownQuery,
} from './headers.ts'
import { type ExplainedPlugin, explainedPlugins } from './plugins.ts'

export interface Explanation {
  readonly request: ExplainedRequest
  /** `forward`: to the upstream. `answer`: by the gateway itself. `refuse`: with a problem. */
  readonly verdict: 'forward' | 'answer' | 'refuse'
  /** What the gateway itself answers; null where it forwards. */
  readonly status: number | null
  /** The problem code where it refuses. */
  readonly code: string | null
  /** Who refused or answered: a plugin, `router`, `upstream` or `route`; null where it forwards. */
  readonly decidedBy: string | null
  /** Why, in the words of a problem's detail. */
  readonly detail: string | null
  readonly route: string | null
  /** The pattern that matched. */
  readonly pattern: string | null
  /** Every route that covers the path, and why those lost that did. */
  readonly candidates: readonly ConsideredRoute[]
  /** Whether an origin could read the path as that of a guarded route. */
  readonly aliasing: Aliasing
  readonly consumer: ExplainedConsumer | null
  readonly plugins: readonly ExplainedPlugin[]
  readonly upstream: ExplainedUpstream | null
  readonly answer: ExplainedAnswer
  /** What only a real request would show. */
  readonly notSimulated: readonly string[]
}

export interface ExplainedRequest {
  readonly method: string
  /** As described. */
  readonly url: string
  readonly listener: string
  readonly scheme: 'http' | 'https'
  readonly host: string | null
  /** Normalised: what is matched and forwarded. */
  readonly path: string
  readonly query: string
  /** The client's address, given the trusted proxies. */
  readonly client: string
  /** The other end of the connection. */
  readonly peer: string
  readonly upgrade: boolean
}

export interface Aliasing {
  readonly verdict: 'none' | 'refused' | 'allowed'
  /** The route that it could be taken for. */
  readonly route: string | null
}

export interface ExplainedConsumer {
  readonly id: string | null
  readonly name: string | null
  readonly source: string
  readonly groups: readonly string[]
  readonly scopes: readonly string[]
}

export interface ExplainedUpstream {
  readonly name: string
  /** Each may be the one that is picked. */
  readonly targets: readonly { readonly target: string; readonly host: string; readonly line: string }[]
  /** Targets that get no requests at present: drained, down, or without weight. */
  readonly leftOut: readonly string[]
  /** Where the route divides its requests: among whom, and what keeps a request on one side. */
  readonly split: ExplainedSplit | null
  readonly headers: readonly ChangedHeader[]
  /** Of the client's headers, those that are not forwarded. */
  readonly removed: readonly string[]
  readonly body: 'none' | 'length' | 'chunked'
}

export interface ExplainedSplit {
  readonly shares: readonly { readonly upstream: string; readonly weight: number }[]
  /** Null: chance decides; the largest share is shown. */
  readonly by: string | null
}

export interface ExplainedAnswer {
  /** Of the gateway's own answer all, of an upstream's those that the gateway sets. */
  readonly headers: readonly ShownHeader[]
  /** Taken out of an answer, where it has them. */
  readonly removed: readonly string[]
}

/** Explains a dry run of a described request. */
export function explain(described: DescribedRequest, run: DryRun, compiled: Compiled): Explanation {
  const { exchange } = run
  const { facts, reply } = exchange
  const { secrets } = compiled
  // What a plugin told of its inputs is the plugin's; the request's own secrets are nobody's to show.
  const plugins = concealed(explainedPlugins(run), secretsHidden(facts, secrets))
  const forwarded = run.forwarded !== null
  return {
    request: {
      method: facts.method,
      url: shownQuery(described.url, secrets),
      listener: facts.listener.name,
      scheme: facts.scheme,
      host: facts.host,
      path: facts.path,
      query: shownQuery(facts.query, secrets),
      client: facts.clientAddress,
      peer: facts.peerAddress,
      upgrade: facts.upgrade,
    },
    verdict: forwarded ? 'forward' : exchange.problem === null ? 'answer' : 'refuse',
    status: forwarded ? null : reply.statusCode,
    code: exchange.problem?.code ?? null,
    decidedBy: forwarded ? null : decidedBy(exchange),
    detail: exchange.problem?.detail ?? null,
    route: exchange.route?.name ?? null,
    pattern: exchange.pattern?.text ?? null,
    candidates: run.routed === null ? [] : compiled.table.considered(facts, facts.path, run.routed),
    aliasing: aliasingOf(run, compiled),
    consumer: consumerOf(exchange),
    plugins,
    upstream: upstreamOf(run, secrets),
    answer: { headers: shownHeaders(reply.headers.raw, secrets), removed: [...run.removed].sort() },
    notSimulated: notSimulated(run, plugins),
  }
}

/** The last who refused, or answered, and was not only watching. */
export function decidedBy({ decisions, problem }: Exchange): string {
  const verdict = problem === null ? 'answer' : 'refuse'
  return decisions.findLast((one) => one.verdict === verdict && one.mode === 'enforce')?.plugin ?? 'route'
}

function aliasingOf({ exchange, admission, routed }: DryRun, { table }: Compiled): Aliasing {
  if (!admission.path.reinterpretable || routed?.kind !== 'route') return { verdict: 'none', route: null }
  const alias = table.alias(exchange.facts, exchange.facts.path, routed.route)
  if (alias === null) return { verdict: 'none', route: null }
  return { verdict: routed.route.aliasing === 'allow' ? 'allowed' : 'refused', route: alias.name }
}

function consumerOf({ consumer }: Exchange): ExplainedConsumer | null {
  if (consumer === null) return null
  const { id, name, source, groups, scopes } = consumer
  return { id, name, source, groups, scopes }
}

function upstreamOf({ exchange, forwarded, leftOut }: DryRun, secrets: ReadonlySet<string>): ExplainedUpstream | null {
  const first = forwarded?.[0]
  if (first === undefined) return null
  const { headers, removed } = changedHeaders(exchange.facts, first.head.headers, secrets)
  return {
    name: exchange.upstreamName!,
    targets: forwarded!.map(({ target, head }) => ({
      target,
      host: head.headers[1]!,
      line: `${head.method} ${shownQuery(head.target, secrets)} HTTP/1.1`,
    })),
    leftOut,
    split: splitOf(exchange),
    headers,
    removed,
    body: first.head.body.kind,
  }
}

function splitOf({ decisions }: Exchange): ExplainedSplit | null {
  const decided = decisions.find(({ item, reason }) => item === 'upstream' && reason === 'split')
  if (decided === undefined) return null
  const { shares, by } = decided.inputs as unknown as ExplainedSplit
  return { shares, by }
}

function notSimulated({ unanswered }: DryRun, plugins: readonly ExplainedPlugin[]): string[] {
  const notes = plugins.flatMap(({ plugin, reason }) => {
    if (reason === 'not-simulated')
      return [`${plugin} runs, and is not simulated: it may refuse, answer or change what it sees`]
    if (reason === 'keys-not-fetched')
      return [`${plugin} would fetch the keys of its issuer: say who asks instead, or what the token says`]
    return []
  })
  if (unanswered !== null) notes.push('the changes to the answer: a plugin cannot make them without a real one')
  return notes
}
