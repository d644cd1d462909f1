/**
 * One described request through everything that serves — admission, routing, the chain, the response hooks — up to the
 * point where bytes would leave. Nothing is sent, counted, fetched or kept.
 */
import type { AssumedIdentity } from '../exchange/consumer.ts'
import { stages } from '../exchange/decision.ts'
import { Exchange } from '../exchange/exchange.ts'
import { HeaderList } from '../exchange/headers.ts'
import { Reply } from '../exchange/reply.ts'
import type { RequestHead, ResponseHead } from '../http1/client.ts'
import { type Admission, type Arrival, admit, type ClientHead } from '../listener/admission.ts'
import type { Problem } from '../problem.ts'
import { headFor } from '../proxy/attempt-head.ts'
import { askedFirst } from '../proxy/attempts.ts'
import { noTarget, toProblem } from '../proxy/problem-of.ts'
import { takeResponseHead } from '../proxy/response-head.ts'
import { becomeProblem } from './answer.ts'
import type { Chain } from './chain.ts'
import { conclude, prepareRequest } from './conclusion.ts'
import type { Compiled } from './generation.ts'
import type { Route } from './route.ts'
import { type Routed, routeExchange } from './routing.ts'

export interface DescribedArrival {
  readonly head: ClientHead
  readonly meta: Arrival & { readonly problem: Problem | null }
  readonly assumed: AssumedIdentity | null
  /** What response hooks would do to an upstream's answer is not asked for. */
  readonly decisionOnly?: boolean
}

export interface DryRun {
  readonly exchange: Exchange
  readonly admission: Admission
  /** Null where the table was not asked. */
  readonly routed: Routed
  readonly chain: Chain
  /** What each target would be sent: the one that is picked gets it. Null where the gateway answers itself. */
  readonly forwarded: readonly ForwardedHead[] | null
  /** Targets of that upstream that get no requests at present: drained, down, or without weight. */
  readonly leftOut: readonly string[]
  /** Response headers that hooks take out of an answer. */
  readonly removed: ReadonlySet<string>
  /** A response hook that cannot be run without a real answer. */
  readonly unanswered: Problem | null
}

export interface ForwardedHead {
  /** As in the config. */
  readonly target: string
  readonly head: RequestHead
}

export async function dryRun(compiled: Compiled, described: DescribedArrival): Promise<DryRun> {
  const { head, meta, assumed } = described
  const admission = admit(head, meta, compiled.admission)
  const exchange = new Exchange(admission.facts)
  const answerHeaders = new WatchedHeaders()
  exchange.reply = new Reply(answerHeaders)
  exchange.recording = true
  exchange.assumed = assumed
  exchange.prepare = (one) => prepareRequest(one, compiled.headPolicy)
  const { table, routes } = compiled
  const routed = routeExchange(exchange, admission, { table, routes, problem: meta.problem })
  const chain = (exchange.route as Route | null)?.chain ?? compiled.globalChain
  const { forwarded, leftOut } = await runChain(exchange, chain, compiled)
  const settled = described.decisionOnly === true && forwarded !== null
  const unanswered = settled ? null : await respond(exchange, chain, forwarded !== null)
  return { exchange, admission, routed, chain, forwarded, leftOut, removed: answerHeaders.deleted, unanswered }
}

type Outcome = Pick<DryRun, 'forwarded' | 'leftOut'>

const answered: Outcome = { forwarded: null, leftOut: [] }

async function runChain(exchange: Exchange, chain: Chain, compiled: Compiled): Promise<Outcome> {
  try {
    await chain.run(exchange)
    return exchange.reply.sent ? answered : afterChain(exchange, compiled.headPolicy.name)
  } catch (error) {
    fail(exchange, toProblem(error))
    return answered
  }
}

/** As `conclude` and the proxy go on, up to the pick of one target. Throws the Problem of a request that goes nowhere. */
function afterChain(exchange: Exchange, ownName: string): Outcome {
  // What the router refused is in the record.
  if (exchange.refusal === null) exchange.running = stages.upstream
  try {
    const concluded = conclude(exchange, ownName)
    if (concluded === null) return answered
    const upstream = askedFirst(concluded, (exchange.route as Route).policy.fallback ?? concluded.fallback)
    exchange.running = stages.upstream
    if (upstream !== concluded) exchange.decide('pass', 'fallback', { reason: 'no-target', upstream: upstream.name })
    exchange.upstreamName = upstream.name
    const { candidates, targets } = upstream
    if (candidates.length === 0) throw noTarget(upstream.waitMs)
    exchange.decide('pass', 'forwarded', { upstream: upstream.name, targets: candidates.map(({ url }) => url) })
    const forwarded = candidates.map((target) => ({ target: target.url, head: copyOf(headFor(exchange, target)) }))
    return { forwarded, leftOut: targets.filter((one) => !candidates.includes(one)).map(({ url }) => url) }
  } catch (error) {
    if (exchange.refusal === null) exchange.decide('refuse', toProblem(error).code)
    throw error
  }
}

/** Targets may differ in host: the list that they share is filled in for each. */
function copyOf(head: RequestHead): RequestHead {
  return { ...head, headers: [...head.headers] }
}

function fail(exchange: Exchange, problem: Problem): void {
  exchange.problem = problem
  becomeProblem(exchange, problem)
  exchange.failing = true
}

/** Runs the response hooks. What an upstream would answer is not known: hooks see an empty 200, and may not be able to. */
async function respond(exchange: Exchange, chain: Chain, forwarded: boolean): Promise<Problem | null> {
  if (!forwarded) {
    await answer(exchange, chain)
    return null
  }
  exchange.upstreamResponse = { status: 200, headers: [], length: null }
  takeResponseHead(exchange.reply, emptyAnswer, exchange.facts.method)
  try {
    await chain.respond(exchange)
    return null
  } catch (error) {
    return toProblem(error)
  }
}

const emptyAnswer: ResponseHead = {
  status: 200,
  reason: 'OK',
  headers: [],
  minorVersion: 1,
  body: { kind: 'none', length: 0 },
}

/** As when serving: the problem of a hook that fails has its own chance with the hooks, and no second one. */
async function answer(exchange: Exchange, chain: Chain): Promise<void> {
  try {
    await chain.respond(exchange)
  } catch (error) {
    const hooked = exchange.failing
    fail(exchange, toProblem(error))
    if (!hooked) await answer(exchange, chain)
  }
}

/** Remembers what was taken out, though there may have been nothing to take. */
class WatchedHeaders extends HeaderList {
  readonly deleted = new Set<string>()

  override delete(name: string): void {
    this.deleted.add(name)
    super.delete(name)
  }
}
