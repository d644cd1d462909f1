/** WebSocket upgrades: a request that passed its chain is asked of the upstream; a 101 joins both connections, all else is an answer. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Exchange } from '../exchange/exchange.ts'
import type { ResponseHead } from '../http1/client.ts'
import { UpgradeCall, type UpgradeListener } from '../http1/upgrade-call.ts'
import { WireError } from '../http1/wire-error.ts'
import { Problem } from '../problem.ts'
import type { Target } from '../upstream/target.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { headFor } from './attempt-head.ts'
import { type Attempts, attemptsOf, type Sender } from './attempts.ts'
import { breakOff } from './break-off.ts'
import type { ForwardPolicy } from './forward-policy.ts'
import { noTarget, problemOf, toPluginProblem, toProblem } from './problem-of.ts'
import { takeResponseHead } from './response-head.ts'
import { overdueTry } from './retry.ts'
import { Tunnel } from './tunnel.ts'
import { UpstreamBody } from './upstream-body.ts'
import { handshakeFlaw, switchingHead } from './websocket.ts'

export interface Upgrade {
  readonly socket: Socket
  /** Bytes that came along with the request's head. */
  readonly head: Buffer
  readonly policy: ForwardPolicy
  /** A tunnel stands; it ends with the client's socket. */
  opened(exchange: Exchange, tunnel: Tunnel): void
}

/** Opens a tunnel to the upstream, relays its refusal, or answers with a problem. */
export function upgrade(exchange: Exchange, upstream: Upstream, how: Upgrade): void {
  new Upgrading(exchange, upstream, how).start()
}

class Upgrading implements UpgradeListener, Sender {
  /** An upgrade has none. */
  readonly isBodyKept = true
  readonly #exchange: Exchange
  readonly #upstream: Upstream
  readonly #how: Upgrade
  /** Null where the first attempt is the only one. */
  readonly #attempts: Attempts | null
  /** Whose tunnel this is, or may become. */
  #target: Target | null = null
  #call: UpgradeCall | null = null
  #body: UpstreamBody | null = null
  #delivered = false
  #isOver = false

  constructor(exchange: Exchange, upstream: Upstream, how: Upgrade) {
    this.#exchange = exchange
    this.#upstream = upstream
    this.#how = how
    this.#attempts = attemptsOf(exchange, upstream, {
      sender: this,
      fallback: how.policy.fallback ?? upstream.fallback,
    })
  }

  start(): void {
    this.#exchange.upstreamName = this.#upstream.name
    this.#exchange.carrier = this
    this.#how.socket.once('close', () => this.#leaveTarget())
    this.again()
  }

  // What an attempt tells, where others may follow it

  again(): void {
    try {
      this.#attempt()
    } catch (error) {
      this.fail(toProblem(error))
    }
  }

  overdue(sent: boolean): void {
    this.#call?.abort()
    this.error(overdueTry(sent, this.#call?.answered))
  }

  fail(problem: Problem): void {
    this.#call?.abort()
    this.#refuse(problem)
  }

  /** By its newest attempt. */
  get #asked(): Upstream {
    return this.#attempts?.upstream ?? this.#upstream
  }

  #attempt(): void {
    const exchange = this.#exchange
    const target = this.#attempts === null ? this.#upstream.pickForTunnel(exchange) : this.#attempts.begin()
    if (target === null) throw noTarget()
    exchange.target = target.url
    if (target.tunnels >= this.#asked.config.connections.tunnels) throw full()
    exchange.attempts++
    exchange.upstreamStartedAt ||= performance.now()
    const head = { ...headFor(exchange, target), method: 'GET', body: { kind: 'none' }, upgrade: 'websocket' } as const
    this.#call = new UpgradeCall(target.pool, head, this)
    this.#target = target
    target.tunnels++
  }

  #leaveTarget(): void {
    if (this.#target !== null) this.#target.tunnels--
    this.#target = null
  }

  // What the wire tells

  switched(fields: string[], socket: Socket, early: Buffer): void {
    const flaw = handshakeFlaw(fields, this.#exchange.upstreamRequest.headers.get('sec-websocket-key') ?? '')
    if (flaw !== null) {
      socket.destroy()
      const cause = new WireError('malformed', `the 101 is no WebSocket handshake: ${flaw}`, { sent: true })
      if (this.#failed(cause)) return
      this.#refuse(new Problem('upgrade-failed', 'The upstream did not take the upgrade as asked.', { cause }))
      return
    }
    const head: ResponseHead = {
      status: 101,
      reason: '',
      headers: fields,
      minorVersion: 1,
      body: { kind: 'none', length: 0 },
    }
    this.#attempts?.answered(head)
    this.#respond(head, () => this.#join(socket, early)).catch((error) => {
      socket.destroy()
      this.#refuse(toPluginProblem(error))
    })
  }

  /** The upstream said no, in its own words: an answer like any other, on a connection that ends with it. */
  head(head: ResponseHead): void {
    if (this.#attempts?.answered(head) === true) {
      this.#call!.abort()
      this.#leaveTarget()
      return
    }
    const body = new UpstreamBody({ resume: () => this.#call?.resume(), abort: () => this.#call?.abort() })
    this.#body = body
    this.#respond(head, () => {
      if (this.#isOver) return
      this.#delivered = true
      this.#how.policy.deliver(this.#exchange)
    }).catch((error) => {
      body.destroy()
      this.#refuse(toPluginProblem(error))
    })
  }

  data(chunk: Buffer): boolean {
    return this.#body!.feed(chunk)
  }

  end(): void {
    this.#body!.finish()
  }

  error(error: WireError): void {
    if (!this.#failed(error)) this.#refuse(problemOf(error))
  }

  /** True: another attempt follows the one that failed before its answer. */
  #failed(error: WireError): boolean {
    if (this.#isOver || this.#body !== null || this.#attempts?.failed(error) !== true) return false
    this.#leaveTarget()
    return true
  }

  /** The client left before it was answered. */
  clientGone(): void {
    this.#isOver = true
    this.#attempts?.end()
    this.#call?.abort()
    this.#body?.destroy()
  }

  async #respond(head: ResponseHead, then: () => void): Promise<void> {
    const exchange = this.#exchange
    exchange.upstreamHeadAt = performance.now()
    const length = head.body.kind === 'length' ? head.body.length : null
    exchange.upstreamResponse = { status: head.status, headers: head.headers, length }
    takeResponseHead(exchange.reply, head, 'GET')
    exchange.reply.body = this.#body
    await this.#how.policy.respond(exchange)
    then()
  }

  /** Our response object lets go of the connection: from here on the two sides speak to each other. */
  #join(socket: Socket, early: Buffer): void {
    const exchange = this.#exchange
    const { socket: client, head, policy, opened } = this.#how
    if (this.#isOver || client.destroyed) {
      socket.destroy()
      return
    }
    const { reply } = exchange
    if (reply.statusCode !== 101) throw new TypeError('a plugin gave a WebSocket another status')
    reply.headers.set('x-request-id', exchange.facts.id)
    reply.headers.append('via', `1.1 ${policy.name}`)
    const text = switchingHead(reply.headers.raw)
    exchange.carrier = null
    // An upgrade came through Node's server, and so did its response.
    ;(exchange.response as ServerResponse).detachSocket(client)
    client.once('close', () => exchange.leave(true))
    client.cork()
    client.write(text, 'latin1')
    if (early.length > 0) client.write(early)
    client.uncork()
    if (head.length > 0) socket.write(head)
    opened(exchange, new Tunnel(client, socket, this.#asked.config.timeouts.tunnelMs))
  }

  #refuse(problem: Problem): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#attempts?.end()
    const exchange = this.#exchange
    const response = exchange.response!
    exchange.problem = problem
    if (this.#delivered || response.headersSent) breakOff(exchange, response)
    this.#body?.destroy()
    this.#how.policy.fail(exchange, problem)
  }
}

function full(): Problem {
  const headers = ['retry-after', '1']
  return new Problem('upstream-overloaded', 'Too many tunnels to the upstream are open.', { headers })
}
