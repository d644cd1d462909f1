/** Forwards one exchange to its upstream and the answer back: pick a target, attempt, perhaps once more, answer. */
import { performance } from 'node:perf_hooks'
import type { ClientResponse } from '../exchange/client.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { UpstreamFailure } from '../exchange/stand-in.ts'
import type { ClientRequest, ResponseHead, ResponseListener } from '../http1/client.ts'
import type { WireError } from '../http1/wire-error.ts'
import type { Problem } from '../problem.ts'
import { isErrorStatus } from '../upstream/statuses.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { headFor } from './attempt-head.ts'
import { type Attempts, attemptsOf, type Sender } from './attempts.ts'
import { breakOff } from './break-off.ts'
import { addTrailers, endWith, flushHeadSoon, hasNoBody, JOINED, writeHead } from './deliver.ts'
import type { ForwardPolicy } from './forward-policy.ts'
import { isOfUpstream, noTarget, problemOf, toPluginProblem, toProblem } from './problem-of.ts'
import { interimFields, takeResponseHead, upstreamResponseOf } from './response-head.ts'
import { isKeepAliveRace, mayRepeatRace, overdueTry } from './retry.ts'
import { endStall, watchStall } from './stall.ts'
import { type BodyUpload, clientClosed } from './upload.ts'
import { uploadOf } from './upload-of.ts'
import { UpstreamBody } from './upstream-body.ts'

export function forward(exchange: Exchange, upstream: Upstream, policy: ForwardPolicy): void {
  new Forwarding(exchange, upstream, policy).start()
}

class Forwarding implements ResponseListener, Sender {
  readonly #exchange: Exchange
  readonly #upstream: Upstream
  readonly #policy: ForwardPolicy
  readonly #response: ClientResponse
  /** Null where the first attempt is the only one. */
  readonly #attempts: Attempts | null
  #request: ClientRequest | null = null
  #upload: BodyUpload | null = null
  /** The answer goes this way when the chain wants a stream, or its hooks are not done yet. */
  #body: UpstreamBody | null = null
  #headTaken = false
  #over = false
  /** A problem has been answered, or the connection broken off: nothing more may be sent. */
  #abandoned = false
  /** The answer is in the hands of whoever delivers streams: it is too late for a problem. */
  #delivered = false
  /** The client is slower than the upstream. */
  #waiting = false
  #flushed: (() => void) | null = null
  #remaining = -1

  constructor(exchange: Exchange, upstream: Upstream, policy: ForwardPolicy) {
    this.#exchange = exchange
    this.#upstream = upstream
    this.#policy = policy
    this.#response = exchange.response!
    this.#attempts = attemptsOf(exchange, upstream, { sender: this, fallback: policy.fallback ?? upstream.fallback })
  }

  start(): void {
    const exchange = this.#exchange
    exchange.upstreamName = this.#upstream.name
    exchange.carrier = this
    if (exchange.facts.body.kind !== 'none') {
      const events = { failed: (problem: Problem) => this.fail(problem) }
      this.#upload = uploadOf(exchange, this.#upstream.config.retries, { idleMs: this.#policy.bodyIdleMs, events })
    }
    this.again('any')
    if (this.#attempts === null && !this.#over) this.#upload?.start(this.#request!)
  }

  #attempt(connection: 'any' | 'fresh'): void {
    const exchange = this.#exchange
    const target = this.#attempts === null ? this.#upstream.pick(exchange) : this.#attempts.begin()
    if (target === null) throw noTarget()
    exchange.target = target.url
    exchange.attempts++
    exchange.upstreamStartedAt ||= performance.now()
    const head = headFor(exchange, target)
    this.#request = connection === 'fresh' ? target.pool.requestFresh(head, this) : target.pool.request(head, this)
  }

  // What an attempt tells, where others may follow it

  get isBodyKept(): boolean {
    return this.#upload?.isWhole ?? true
  }

  again(connection: 'any' | 'fresh'): void {
    try {
      this.#attempt(connection)
    } catch (error) {
      this.fail(toProblem(error))
    }
  }

  overdue(sent: boolean): void {
    this.#request?.abort()
    this.error(overdueTry(sent, this.#request?.answered))
  }

  /** Until the request is on a connection its body is left with the client: another target may be sent it whole. */
  sent(): void {
    if (this.#attempts === null) return
    this.#attempts.sent()
    this.#upload?.restart(this.#request!)
  }

  // What the wire tells

  /** RFC 9110 §15.2: a proxy passes on interim answers that it did not ask for itself. HTTP/1.0 knows none. */
  informational(status: number, headers: string[]): void {
    if (status === 100 || this.#exchange.raw!.httpVersion === '1.0' || this.#response.headersSent) return
    this.#response.writeInformation(status, interimFields(headers))
  }

  head(head: ResponseHead): void {
    const exchange = this.#exchange
    if (this.#attempts?.answered(head) === true) {
      this.#request!.abort()
      this.#upload?.hold()
      return
    }
    this.#headTaken = true
    exchange.upstreamHeadAt = performance.now()
    exchange.upstreamResponse = upstreamResponseOf(head)
    if (isErrorStatus(head.status) && this.#standsIn({ status: head.status, code: null })) return
    takeResponseHead(exchange.reply, head, exchange.facts.method)
    this.#remaining = head.body.kind === 'length' ? head.body.length : -1
    if (this.#policy.wantsStream) this.#toStream()
    let pending: Promise<void> | undefined
    try {
      pending = this.#policy.respond(exchange)
    } catch (error) {
      this.fail(error as Problem)
      return
    }
    if (pending === undefined && this.#body === null) {
      this.#writeHead()
      if (head.body.kind !== 'none') flushHeadSoon(this.#response)
    } else this.#answerLater(pending)
  }

  #toStream(): void {
    this.#body = new UpstreamBody({ resume: () => this.#request?.resume(), abort: () => this.#drop() })
    this.#exchange.reply.body = this.#body
    // A plugin may have answered with something else, and never read it.
    this.#exchange.onClose(() => this.#drop())
  }

  #answerLater(pending: Promise<void> | undefined): void {
    if (this.#body === null) this.#toStream()
    if (pending === undefined) this.#deliver()
    else
      pending.then(
        () => this.#deliver(),
        (error) => this.#refuseLater(error as Problem),
      )
  }

  /** The upstream may have broken off, or its whole answer may be here, before the hooks were done. */
  #deliver(): void {
    if (this.#abandoned) return
    this.#delivered = true
    this.#policy.deliver(this.#exchange)
  }

  #refuseLater(problem: Problem): void {
    if (this.#abandoned) return
    this.#over = false
    this.fail(problem)
  }

  #writeHead(): void {
    if (this.#upload !== null && !this.#exchange.raw!.complete) this.#exchange.reply.headers.set('connection', 'close')
    try {
      writeHead(this.#exchange, this.#response, this.#policy.name)
    } catch (error) {
      // A status or field that a plugin made, and HTTP does not know.
      this.fail(toPluginProblem(error))
    }
  }

  data(chunk: Buffer, held: boolean): boolean {
    const exchange = this.#exchange
    if (this.#over) return true
    if (this.#body !== null) return this.#body.feed(chunk)
    if (exchange.responseTaps.length > 0 && !this.#tap(chunk)) return true
    exchange.sent += chunk.length
    if (chunk.length === this.#remaining && chunk.length <= JOINED) {
      // The whole body in one read: head and body leave in one write.
      this.#complete()
      endWith(this.#response, chunk)
      watchStall(this.#exchange, this.#policy.bodyIdleMs)
      return true
    }
    this.#remaining = -1
    this.#flushed ??= () => this.#afterFlush()
    this.#response.write(held || this.#response.copies?.(chunk.length) ? chunk : Buffer.from(chunk), this.#flushed)
    // Node corks every answer until the next tick; what is not flushed now would pause the upstream for nothing.
    this.#response.socket?.uncork()
    // Not `write() === false`: that is so for every large piece, even one that the kernel has taken whole.
    if (this.#response.writableLength === 0) return true
    this.#waiting = true
    watchStall(exchange, this.#policy.bodyIdleMs)
    return false
  }

  /** What was written is out. Not 'drain', which stays silent for what is below the stream's own mark. */
  #afterFlush(): void {
    if (!this.#waiting || this.#response.writableLength > 0) return
    this.#waiting = false
    endStall(this.#response)
    this.#request?.resume()
  }

  /** False: a plugin failed on what it saw, and the answer is broken off. */
  #tap(chunk: Buffer): boolean {
    try {
      for (const tap of this.#exchange.responseTaps) tap.data(chunk)
      return true
    } catch (error) {
      this.fail(toPluginProblem(error))
      return false
    }
  }

  end(trailers: string[]): void {
    if (this.#body !== null) {
      this.#over = true
      this.#body.finish()
      return
    }
    if (this.#over) return
    this.#complete()
    if (trailers.length > 0 && !hasNoBody(this.#exchange)) addTrailers(this.#exchange, trailers)
    this.#response.end()
    watchStall(this.#exchange, this.#policy.bodyIdleMs)
  }

  #complete(): void {
    this.#over = true
    for (const tap of this.#exchange.responseTaps) tap.end()
  }

  error(error: WireError): void {
    if (this.#over) return
    if (!this.#headTaken && isKeepAliveRace(error) && mayRepeatRace(this.#exchange)) {
      this.#attempts?.cancel()
      this.#upstream.retried('reused')
      this.again('fresh')
    } else if (!this.#headTaken && this.#attempts?.failed(error) === true) this.#upload?.hold()
    else this.fail(problemOf(error))
  }

  drain(): void {
    this.#upload?.drain()
  }

  stopSending(): void {
    this.#upload?.stop()
  }

  /** The answer cannot be (or stay) what it was to be. Before its first byte that is a problem; after it, a broken connection. */
  fail(problem: Problem): void {
    if (this.#over) return
    const { code, status } = problem
    if (!this.#headTaken && isOfUpstream(code) && this.#standsIn({ status, code })) return
    this.#giveUp()
    for (const tap of this.#exchange.responseTaps.splice(0)) tap.abort()
    this.#exchange.problem = problem
    const tooLate = this.#delivered || (this.#response.headersSent && this.#response.takeBack?.() !== true)
    if (tooLate) breakOff(this.#exchange, this.#response)
    if (tooLate) this.#body?.destroy()
    if (problem.code !== 'client-closed') this.#policy.fail(this.#exchange, problem)
  }

  /** True: what a plugin has in place of the answer is on its way, and the upstream is not wanted any more. */
  #standsIn(failure: UpstreamFailure): boolean {
    if (this.#exchange.standIn === null || !this.#policy.standsIn(this.#exchange, failure)) return false
    this.#giveUp()
    return true
  }

  #giveUp(): void {
    this.#abandoned = true
    this.#upload?.stop()
    this.#drop()
  }

  #drop(): void {
    this.#over = true
    this.#attempts?.end()
    this.#request?.abort()
  }

  /** The client left before the answer was complete. */
  clientGone(): void {
    this.fail(clientClosed())
  }
}
