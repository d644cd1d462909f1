/** The connections to one origin: reuses the one used last, bounds their number, queues what finds none free. */
import { Call, type Carrier } from './call.ts'
import type { ClientRequest, Origin, PoolOptions, RequestHead, ResponseListener } from './client.ts'
import { Connection } from './connection.ts'
import { Dialer } from './dial.ts'
import { IdleBound } from './idle-bound.ts'
import { isFresh } from './poll-turn.ts'
import { beginSweeping, endSweeping, now, type Swept } from './sweep.ts'
import { WireError, type WireErrorCode } from './wire-error.ts'

export interface PoolStats {
  readonly active: number
  readonly idle: number
  /** Connecting. */
  readonly pending: number
  readonly queued: number
}

export class Pool implements Carrier, Swept {
  readonly options: PoolOptions
  readonly dialer: Dialer
  readonly #all = new Set<Connection>()
  /** Last in, first out: the connection used last is the least likely to be closed by the upstream. */
  readonly #idle: Connection[] = []
  readonly #queue: Call[] = []
  /** Busy ones whose address is the origin's no more: they carry no further request. */
  readonly #leaving = new Set<Connection>()
  readonly #idleBound = new IdleBound()
  #isClosed = false

  constructor(origin: Origin, options: PoolOptions) {
    this.options = options
    this.dialer = new Dialer(origin, options)
  }

  /** Throws TypeError for a head that must not go on the wire; all else is told to the listener, never before this returns. */
  request(head: RequestHead, listener: ResponseListener): ClientRequest {
    const call = new Call(this, head, listener)
    if (this.#isClosed) this.#refuse(call, 'pool-closed')
    else if (!this.#place(call)) this.#enqueue(call)
    return call
  }

  /**
   * Like `request`, on a connection that carried nothing before: for a repeat after a kept one died (RFC 9112 §9.3.1),
   * since its neighbours, idle as long, may be dead as well.
   */
  requestFresh(head: RequestHead, listener: ResponseListener): ClientRequest {
    if (this.#isClosed || !this.#makeRoom()) return this.request(head, listener)
    const call = new Call(this, head, listener)
    this.#open(call)
    return call
  }

  /** Requests that it carries, or that wait. */
  get load(): number {
    return this.#all.size - this.#idle.length + this.#queue.length
  }

  /** A request would not have to wait for a connection. */
  get hasRoom(): boolean {
    return this.#idle.length > 0 || this.#all.size < this.options.maxConnections
  }

  /** A request could not even wait. */
  get isFull(): boolean {
    return !this.hasRoom && this.#queue.length >= this.options.queueLimit
  }

  get stats(): PoolStats {
    let pending = 0
    for (const connection of this.#all) if (connection.state === 'connecting') pending++
    const idle = this.#idle.length
    return { active: this.#all.size - idle - pending, idle, pending, queued: this.#queue.length }
  }

  /** The origin has these addresses now. Idle connections to others are closed, busy ones after what they carry. */
  keep(addresses: ReadonlySet<string>): void {
    for (const connection of [...this.#all]) {
      const { remoteAddress } = connection.socket
      if (remoteAddress !== undefined && addresses.has(remoteAddress)) continue
      if (connection.state === 'idle') connection.close()
      else this.#leaving.add(connection)
    }
  }

  /** Closes what is idle, lets accepted requests finish, refuses new ones. */
  close(): void {
    this.#isClosed = true
    for (const connection of [...this.#idle]) connection.close()
  }

  /** Ends everything now; each request is told `pool-closed`. */
  destroy(): void {
    this.#isClosed = true
    for (const call of this.#queue.splice(0)) this.#refuse(call, 'pool-closed')
    for (const connection of [...this.#all]) connection.destroy()
    this.#settle()
  }

  // A waiting call's side

  abandon(call: Call): void {
    const at = this.#queue.indexOf(call)
    if (at >= 0) this.#queue.splice(at, 1)
    this.#settle()
  }

  requestEnded(): void {}

  resume(): void {}

  // A connection's side

  /** It is idle and may carry another request at once. */
  freed(connection: Connection): void {
    if (this.#leaving.size > 0 && this.#leaving.has(connection)) {
      connection.close()
      return
    }
    const next = this.#queue.shift()
    if (next !== undefined) connection.carry(next)
    else if (this.#isClosed || this.#idle.length >= this.options.maxIdle) connection.close()
    else this.#idle.push(connection)
  }

  /** The origin closed it, and it was idle. */
  leftIdle({ idleSince }: Connection): void {
    const time = now()
    this.#idleBound.closed(time - idleSince, time)
  }

  /** It has left for good. */
  gone(connection: Connection): void {
    this.#all.delete(connection)
    this.#leaving.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    const next = this.#queue.shift()
    if (next !== undefined && !this.#place(next)) this.#queue.unshift(next)
    this.#settle()
  }

  /** It was not fit for the request it was given; nothing of that was written. */
  again(call: Call): void {
    if (call.isDone) return
    call.carriedBy(this, false)
    if (this.#place(call)) return
    call.queueDeadline = now() + this.options.queueTimeoutMs
    this.#queue.unshift(call)
  }

  sweep(time: number): void {
    const oldest = this.#idle[0]
    this.#idleBound.review(oldest === undefined ? 0 : time - oldest.idleSince, time)
    for (const connection of this.#all) connection.sweep(time)
    for (const call of this.#queue.filter((waiting) => time >= waiting.queueDeadline)) {
      this.abandon(call)
      call.fail(new WireError('queue-timeout', 'no connection became free in time'))
    }
  }

  /** Gives the call a connection, kept or new; false when there is none to give. */
  #place(call: Call): boolean {
    const kept = this.#idleBound.safeMs === Infinity || call.isRepeatable ? this.#takeIdle() : this.#takeSafe()
    if (kept !== undefined) {
      kept.carry(call)
      return true
    }
    if (!this.#makeRoom()) return false
    this.#open(call)
    return true
  }

  /** Whether there may be one more connection; an idle one is closed for it. */
  #makeRoom(): boolean {
    if (this.#all.size >= this.options.maxConnections) this.#idle[0]?.close()
    return this.#all.size < this.options.maxConnections
  }

  #takeIdle(): Connection | undefined {
    const idle = this.#idle
    for (let at = idle.length - 1; at >= 0; at--) {
      const connection = idle[at]!
      if (isFresh(connection.freedAt)) continue
      // Only what was freed in this turn lies above.
      if (at === idle.length - 1) idle.pop()
      else idle.splice(at, 1)
      return connection
    }
    return idle.pop()
  }

  /** One that the origin will not close before a request is there. */
  #takeSafe(): Connection | undefined {
    const youngest = this.#idle.at(-1)
    if (youngest === undefined || now() - youngest.idleSince > this.#idleBound.safeMs) return undefined
    return this.#idle.pop()
  }

  #open(call: Call): void {
    try {
      this.#all.add(new Connection(this, call))
    } catch (cause) {
      const error = new WireError(this.dialer.isSecure ? 'tls-failed' : 'refused', 'no connection can be made', {
        cause,
      })
      process.nextTick(() => call.fail(error))
      return
    }
    beginSweeping(this)
  }

  #enqueue(call: Call): void {
    if (this.#queue.length >= this.options.queueLimit) {
      this.#refuse(call, 'queue-full')
      return
    }
    call.queueDeadline = now() + this.options.queueTimeoutMs
    this.#queue.push(call)
    beginSweeping(this)
  }

  #refuse(call: Call, code: WireErrorCode): void {
    const error = new WireError(
      code,
      code === 'queue-full' ? 'too many requests wait for a connection' : 'the pool is closed',
    )
    process.nextTick(() => call.fail(error))
  }

  #settle(): void {
    if (this.#all.size === 0 && this.#queue.length === 0) endSweeping(this)
  }
}
