/** A compiled plugin chain and how it runs: request hooks top to bottom, response hooks bottom to top from where the request got. */
import { compose, Readable, Transform } from 'node:stream'
import type { Exchange, ResponseTap, RunningItem } from '../exchange/exchange.ts'
import type { OnRequestHook, OnSendBodyHook, OnSendHook } from '../plugin.ts'
import { Problem } from '../problem.ts'
import { toPluginProblem } from '../proxy/problem-of.ts'
import { assume } from './assumed.ts'

export interface Step {
  readonly running: RunningItem
  readonly authenticates: boolean
  /** Turns `credentials-missing` into an anonymous pass. */
  readonly optional: boolean
  /** Its request hooks read `exchange.assumed` themselves. */
  readonly assumes: boolean
  /** Authenticates by the certificate of the connection. */
  readonly byCertificate: boolean
  readonly onRequest: readonly OnRequestHook[]
  readonly onSend: readonly OnSendHook[]
  readonly onSendBody: readonly OnSendBodyHook[]
  /** Request parts that carry its credentials: `header:x-api-key`, `query:key`. */
  readonly secrets: readonly string[]
  /** Of `any: […]`: the first whose credentials are present decides alone. */
  readonly members: readonly Step[]
}

export interface ChainEvents {
  /** A plugin refused (or would have): for `rejections_total`. */
  refused(exchange: Exchange, problem: Problem): void
}

export class Chain {
  readonly steps: readonly Step[]
  /** Somebody in the chain changes bodies: upstream answers become Node streams. */
  readonly changesBodies: boolean
  readonly recording: boolean
  readonly #events: ChainEvents
  readonly #hasSends: boolean

  constructor(steps: readonly Step[], options: { recording: boolean; events: ChainEvents }) {
    this.steps = steps
    this.recording = options.recording
    this.#events = options.events
    this.changesBodies = steps.some((step) => step.onSendBody.length > 0)
    this.#hasSends = steps.some((step) => step.onSend.length > 0 || step.onSendBody.length > 0)
  }

  /** Runs steps `from` to `to`. Throws or rejects with a Problem when one refuses; stops where one answers (`reply.sent`). */
  run(exchange: Exchange, from = 0, to = this.steps.length): Promise<void> | undefined {
    for (let i = from; i < to; i++) {
      exchange.reached = i
      const pending = this.#runStep(exchange, this.steps[i]!)
      if (pending !== undefined)
        return pending.then(() => (exchange.reply.sent ? undefined : this.run(exchange, i + 1, to)))
      if (exchange.reply.sent) return undefined
    }
    return undefined
  }

  #runStep(exchange: Exchange, step: Step): Promise<void> | undefined {
    exchange.running = step.running
    let pending: Promise<void> | undefined
    try {
      if (exchange.assumed !== null && step.authenticates) pending = assume(exchange, step, runHooks)
      else pending = step.members.length > 0 ? this.#runAny(exchange, step) : runHooks(exchange, step)
    } catch (error) {
      this.#settle(exchange, step, error)
      return undefined
    }
    return pending?.catch((error: unknown) => this.#settle(exchange, step, error))
  }

  /** What a thrown refusal comes to: nothing under `optional` or `mode: observe`, else it goes on up. */
  #settle(exchange: Exchange, step: Step, error: unknown): void {
    const problem = toPluginProblem(error)
    exchange.running = step.running
    if (step.optional && problem.code === 'credentials-missing') {
      exchange.decide('pass', 'anonymous')
      return
    }
    this.#events.refused(exchange, problem)
    if (exchange.recording && !hasRefused(exchange, step)) exchange.decide('refuse', problem.code)
    if (!step.running.observing) throw problem
  }

  async #runAny(exchange: Exchange, step: Step): Promise<void> {
    const challenges: string[] = []
    for (const member of step.members) {
      exchange.running = member.running
      try {
        await runHooks(exchange, member)
        withholdOthers(exchange, step, member)
        return
      } catch (error) {
        if (!(error instanceof Problem) || error.code !== 'credentials-missing') throw error
        exchange.decide('skip', 'credentials-missing')
        challenges.push(...error.headers)
      }
    }
    throw new Problem('credentials-missing', 'None of the accepted kinds of credentials was sent.', {
      headers: challenges,
    })
  }

  /** Runs the response hooks of the plugins the request had reached, bottom to top. */
  respond(exchange: Exchange): Promise<void> | undefined {
    if (!this.#hasSends) return undefined
    // What a hook below tapped before one above had to be waited for passes as a stream by now.
    return this.#respondFrom(exchange, exchange.reached)?.then(() => feedTaps(exchange, 0))
  }

  #respondFrom(exchange: Exchange, from: number): Promise<void> | undefined {
    for (let i = from; i >= 0; i--) {
      const step = this.steps[i]!
      if (step.onSend.length === 0 && step.onSendBody.length === 0) continue
      exchange.running = step.running
      const pending = sendHooks(exchange, step)
      if (pending !== undefined) return pending.then(() => this.#respondFrom(exchange, i - 1))
    }
    return undefined
  }
}

/** The step, or the member of it that decided, said so itself. */
function hasRefused({ decisions }: Exchange, step: Step): boolean {
  const ids = [step, ...step.members].map(({ running }) => running.id)
  return decisions.some(({ item, verdict }) => verdict === 'refuse' && ids.includes(item))
}

function runHooks(exchange: Exchange, step: Step): Promise<void> | undefined {
  const { request, reply } = exchange
  const before = exchange.authentications
  for (const [index, hook] of step.onRequest.entries()) {
    const result = hook(request, reply)
    if (isThenable(result)) return finishHooks(exchange, step, { result, next: index + 1, before })
    if (reply.sent) return undefined
  }
  demandIdentity(exchange, step, before)
  return undefined
}

/** The upstream sees no credentials that nobody looked at: those of the members that did not decide. */
function withholdOthers(exchange: Exchange, step: Step, decided: Step): void {
  const { upstreamRequest } = exchange
  for (const secret of step.secrets) {
    if (decided.secrets.includes(secret)) continue
    const name = secret.slice(secret.indexOf(':') + 1)
    if (secret.startsWith('header:')) upstreamRequest.headers.delete(name)
    else upstreamRequest.deleteQuery(name)
  }
}

async function finishHooks(
  exchange: Exchange,
  step: Step,
  { result, next, before }: { result: PromiseLike<unknown>; next: number; before: number },
): Promise<void> {
  await result
  const { request, reply } = exchange
  for (let i = next; i < step.onRequest.length && !reply.sent; i++) await step.onRequest[i]!(request, reply)
  if (!reply.sent) demandIdentity(exchange, step, before)
}

/** CONTRACT: claiming `authenticates` and passing a request without identity is a failure of the plugin, never a pass. */
function demandIdentity(exchange: Exchange, step: Step, before: number): void {
  if (!step.authenticates || step.running.observing || exchange.authentications > before) return
  throw new Problem('plugin-failed', 'An authenticating plugin let the request pass without saying who it is.')
}

function sendHooks(exchange: Exchange, step: Step): Promise<void> | undefined {
  const { request, reply } = exchange
  const taps = exchange.responseTaps.length
  for (const [index, hook] of step.onSend.entries()) {
    const result = call(() => hook(request, reply))
    if (isThenable(result)) return finishSends(exchange, step, { result, next: index + 1, taps })
  }
  feedTaps(exchange, taps)
  return step.onSendBody.length > 0 && bodyMayChange(exchange) ? changeBody(exchange, step) : undefined
}

async function finishSends(
  exchange: Exchange,
  step: Step,
  { result, next, taps }: { result: PromiseLike<unknown>; next: number; taps: number },
): Promise<void> {
  const { request, reply } = exchange
  await call(() => result)
  for (let i = next; i < step.onSend.length; i++) await call(() => step.onSend[i]!(request, reply))
  feedTaps(exchange, taps)
  if (step.onSendBody.length > 0 && bodyMayChange(exchange)) await changeBody(exchange, step)
}

async function changeBody(exchange: Exchange, step: Step): Promise<void> {
  const { request, reply } = exchange
  for (const hook of step.onSendBody) {
    const payload: Readable =
      reply.body instanceof Readable ? reply.body : Readable.from([reply.body as Buffer | string])
    const changed = await call(() => hook(request, reply, payload))
    if (changed === undefined || changed === payload) {
      reply.body = payload
      continue
    }
    reply.body = changed as Readable | Buffer | string
    reply.headers.delete('content-length')
  }
}

/** Problems and the gateway's own answers keep their bodies; so do answers that have none. */
function bodyMayChange(exchange: Exchange): boolean {
  const { source, statusCode, body } = exchange.reply
  if (source === 'gateway' || body === null || exchange.facts.method === 'HEAD') return false
  return statusCode !== 204 && statusCode !== 304
}

/**
 * A tap set by a hook sees the body as it is at that place in the chain. An untouched upstream body is tapped by the
 * proxy as it passes; anything else is a stream or a buffer here.
 */
function feedTaps(exchange: Exchange, before: number): void {
  const { body } = exchange.reply
  if (exchange.responseTaps.length === before || body === null) return
  for (const tap of exchange.responseTaps.splice(before)) {
    if (exchange.reply.body instanceof Readable) {
      exchange.reply.body = compose(exchange.reply.body, new TapStream(tap))
      continue
    }
    tap.data(Buffer.isBuffer(body) ? body : Buffer.from(String(body)))
    tap.end()
  }
}

class TapStream extends Transform {
  readonly #tap: ResponseTap
  #ended = false

  constructor(tap: ResponseTap) {
    super()
    this.#tap = tap
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error: null, chunk: Buffer) => void): void {
    this.#tap.data(chunk)
    done(null, chunk)
  }

  override _flush(done: () => void): void {
    this.#ended = true
    this.#tap.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#ended) this.#tap.abort()
    done(error)
  }
}

/** Runs a response hook; what it throws, now or later, is a Problem. */
function call(hook: () => unknown): unknown {
  try {
    const result = hook()
    return isThenable(result) ? Promise.resolve(result).catch(rethrow) : result
  } catch (error) {
    return rethrow(error)
  }
}

function rethrow(error: unknown): never {
  throw toPluginProblem(error)
}

/** A promise of any library's: a refusal that is not waited for would be none. */
function isThenable(result: unknown): result is PromiseLike<unknown> {
  return typeof result === 'object' && result !== null && 'then' in result && typeof result.then === 'function'
}
