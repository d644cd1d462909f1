/**
 * The attempts of one exchange whose upstream says more about failure than "tell the client": which target each goes to,
 * what each said about its target, and whether another follows. Exchanges of other upstreams have none of these.
 */
import type { RetryCause } from '../config/resilience.ts'
import type { Exchange, RunningItem } from '../exchange/exchange.ts'
import type { ResponseHead } from '../http1/client.ts'
import type { WireError } from '../http1/wire-error.ts'
import { Problem } from '../problem.ts'
import { hasStatus, isErrorStatus } from '../upstream/statuses.ts'
import type { Target } from '../upstream/target.ts'
import type { Fallback, Upstream } from '../upstream/upstream.ts'
import { noTarget } from './problem-of.ts'
import { causeOf, delayBefore, isRepeatable, retryAfterMs } from './retry.ts'

/** Who sends what is decided here. */
export interface Sender {
  /** The request has no body, or all that was read of it can be sent again. */
  readonly isBodyKept: boolean
  /** Sends the request once more. */
  again(connection: 'any' | 'fresh'): void
  /** The running attempt takes too long: it is to be given up like one that failed so. */
  overdue(sent: boolean): void
  fail(problem: Problem): void
}

const stage: RunningItem = { plugin: 'gateway', id: 'upstream', observing: false }

/** Null where nothing but the first attempt and the client's problem can come of it. */
export function attemptsOf(
  exchange: Exchange,
  upstream: Upstream,
  { sender, fallback }: { sender: Sender; fallback: Fallback | null },
): Attempts | null {
  const other = fallback?.upstream === upstream ? null : fallback
  const { retries, breaker, health, timeouts } = upstream.config
  const isPlain = retries === null && breaker === null && !health?.passive && timeouts.totalMs === undefined
  return isPlain && other === null ? null : new Attempts(exchange, upstream, { sender, fallback: other })
}

/** Who is asked first, by the state of the targets: the upstream, or its fallback where no target may be used. */
export function askedFirst(upstream: Upstream, fallback: Fallback | null): Upstream {
  if (fallback === null || fallback.upstream === upstream || upstream.hasEligible) return upstream
  return fallback.upstream
}

export class Attempts {
  readonly #exchange: Exchange
  readonly #sender: Sender
  #upstream: Upstream
  /** Null when there is none, or it is asked already: a fallback has no fallback. */
  #fallback: Fallback | null
  #tried: Target[] = []
  #retries = 0
  #target: Target | null = null
  /** What settles the running attempt with its target. */
  #begun = 0
  #isRunning = false
  #isSent = false
  /** Until the next attempt, or the end of this one's time. */
  #timer: NodeJS.Timeout | undefined
  #total: NodeJS.Timeout | undefined

  constructor(
    exchange: Exchange,
    upstream: Upstream,
    { sender, fallback }: { sender: Sender; fallback: Fallback | null },
  ) {
    this.#exchange = exchange
    this.#upstream = upstream
    this.#sender = sender
    this.#fallback = fallback
    upstream.budget?.request(performance.now())
    const { totalMs } = upstream.config.timeouts
    if (totalMs === undefined) return
    const overdue = () => sender.fail(new Problem('upstream-timeout', 'The upstream did not answer in time.'))
    this.#total = setTimeout(overdue, totalMs)
  }

  /** Whom the running attempt asks, or asked last. */
  get upstream(): Upstream {
    return this.#upstream
  }

  /** Where the next attempt goes; throws a Problem when no target may be used. */
  begin(): Target {
    const target = this.#pick()
    this.#tried.push(target)
    this.#target = target
    this.#begun = target.watch?.begin() ?? 0
    this.#isRunning = true
    this.#isSent = false
    const perTryMs = this.#upstream.config.retries?.perTryMs
    if (perTryMs !== undefined) this.#timer = setTimeout(() => this.#sender.overdue(this.#isSent), perTryMs)
    return target
  }

  #pick(): Target {
    // With a fallback there is no need to try targets that are said to be down.
    const mayAsk = this.#fallback === null || this.#upstream.hasEligible
    const target = mayAsk ? this.#pickOf(this.#upstream) : null
    if (target !== null) return target
    if (this.#fallback === null) throw noTarget(this.#upstream.waitMs)
    this.#fallBack('no-target')
    return this.#pick()
  }

  #pickOf(upstream: Upstream): Target | null {
    const pick = this.#exchange.upgrade === null ? 'pick' : 'pickForTunnel'
    return upstream[pick](this.#exchange, this.#tried)
  }

  sent(): void {
    this.#isSent = true
  }

  /** The head of an answer is here. True: it counts as a failure, and another attempt follows. */
  answered({ status, headers }: ResponseHead): boolean {
    this.#settle(isErrorStatus(status) ? 'error-status' : 'answered')
    if ((this.#isRetried(status) || this.#isForFallback(status)) && this.#isHarmless(true)) {
      if (this.#isRetried(status) && this.#retry('status', retryAfterMs(headers, Date.now()))) return true
      if (this.#isForFallback(status)) {
        this.#toFallback(`status-${status}`)
        return true
      }
    }
    clearTimeout(this.#total)
    return false
  }

  /** The attempt failed before a head came. True: another follows. */
  failed(error: WireError): boolean {
    const { code, sent, answered } = error
    if (code === 'queue-full' || code === 'queue-timeout' || code === 'pool-closed') {
      // Our own bounds, and our own pool: they say nothing about the target.
      this.cancel()
      return false
    }
    this.#settle('no-answer')
    if (!this.#isHarmless(sent)) return false
    // An answer that has begun may go on: the target is at work on the request, and the client may have seen a part of it.
    const cause = answered ? null : causeOf(code)
    if (cause !== null && this.#retry(cause, 0)) return true
    if (this.#fallback === null) return false
    this.#toFallback(code)
    return true
  }

  /** The attempt ended without saying anything about its target. */
  cancel(): void {
    clearTimeout(this.#timer)
    if (!this.#isRunning) return
    this.#isRunning = false
    this.#target!.watch?.cancel(this.#begun)
  }

  /** Nothing follows, and nothing is waited for. */
  end(): void {
    this.cancel()
    clearTimeout(this.#total)
  }

  #settle(outcome: 'answered' | 'error-status' | 'no-answer'): void {
    clearTimeout(this.#timer)
    if (!this.#isRunning) return
    this.#isRunning = false
    this.#target!.watch?.settle(this.#begun, outcome)
  }

  /** Sending the request once more can do no harm. */
  #isHarmless(wasSent: boolean): boolean {
    if (!wasSent) return true
    return this.#sender.isBodyKept && isRepeatable(this.#exchange.upstreamRequest)
  }

  #isRetried(status: number): boolean {
    const { retries } = this.#upstream.config
    return retries !== null && hasStatus(retries.statuses, status)
  }

  #isForFallback(status: number): boolean {
    return this.#fallback !== null && hasStatus(this.#fallback.statuses, status)
  }

  #retry(cause: RetryCause, pause: number): boolean {
    const { retries } = this.#upstream.config
    if (retries === null || !retries.on.includes(cause)) return false
    if (this.#retries >= retries.attempts) return this.#giveUp('attempts-used', cause)
    const random = Math.random()
    const ms = delayBefore(this.#retries + 1, retries.backoff, { random, retryAfterMs: pause })
    if (ms === null) return this.#giveUp('retry-after-too-long', cause)
    if (!this.#upstream.budget!.take(performance.now())) return this.#giveUp('budget-used', cause)
    this.#retries++
    this.#upstream.retried(cause)
    this.#say('pass', 'retry', { cause, ms })
    this.#timer = setTimeout(() => this.#sender.again(cause === 'closed' ? 'fresh' : 'any'), ms)
    return true
  }

  #giveUp(reason: string, cause: RetryCause): false {
    this.#say('skip', reason, { cause })
    return false
  }

  #toFallback(reason: string): void {
    this.#fallBack(reason)
    // Not within the call that told of the failure: the connection is not done with it.
    this.#timer = setTimeout(() => this.#sender.again('any'), 0)
  }

  #fallBack(reason: string): void {
    const { upstream } = this.#fallback!
    this.#say('pass', 'fallback', { reason, upstream: upstream.name })
    this.#fallback = null
    this.#upstream = upstream
    this.#exchange.upstreamName = upstream.name
    this.#tried = []
    this.#retries = 0
    upstream.budget?.request(performance.now())
  }

  #say(verdict: 'pass' | 'skip', reason: string, inputs: Readonly<Record<string, unknown>>): void {
    const exchange = this.#exchange
    if (!exchange.recording) return
    exchange.running = stage
    exchange.decide(verdict, reason, { target: this.#target?.url ?? null, ...inputs })
  }
}
