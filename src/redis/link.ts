/**
 * The way to Redis: open while it answers in time, closed from the first failure until a probe in the background succeeds.
 * So an outage costs the requests that wait at its begin one timeout, and the others nothing.
 */
import type { Redis } from 'ioredis'
import type { Connect } from './connect.ts'
import { failureOf, StoreFailure } from './failure.ts'

export interface LinkOptions {
  readonly connect: Connect
  /** The longest anything waits for an answer, in milliseconds. */
  readonly timeoutMs: number
  /** Asked of a new connection, and every second of an open one: the link opens where it succeeds in time. */
  readonly probe: (client: Redis) => Promise<void>
  /** Milliseconds between two probes. */
  readonly probeEveryMs?: number
  /** Error words of Redis that are about one command, and not about all. */
  readonly tolerated: ReadonlySet<string>
  readonly opened: () => void
  /** Once per outage; also where the first attempt fails. */
  readonly closed: (failure: StoreFailure) => void
}

export type Answered<Answer> = (failure: StoreFailure | null, answer: Answer | null) => void

interface Wait {
  readonly deadline: number
  fail(failure: StoreFailure): void
}

const DEFAULT_PROBE_EVERY_MS = 1000
/** Where it is well whenever it is looked at and then refuses at once, looks come to be this many times as rare. */
const RAREST_LOOK = 8
/** Timeouts that a thread too busy to look may add to the one it promises: the wait is its own doing then, not Redis's. */
const MOST_STALLS = 3

export class Link {
  readonly #options: LinkOptions
  readonly #probeEveryMs: number
  /** In order of their deadlines. */
  readonly #waits = new Set<Wait>()
  #client: Redis | null = null
  #state: 'starting' | 'open' | 'closed' | 'ended' = 'starting'
  #failure = new StoreFailure('starting')
  #watch: NodeJS.Timeout | null = null
  /** When the watch is due. */
  #lookAt = 0
  #openedAt = 0
  /** Before the next look where it refuses as soon as it has opened. */
  #pauseMs: number
  #next: NodeJS.Timeout | null = null

  constructor(options: LinkOptions) {
    this.#options = options
    this.#probeEveryMs = options.probeEveryMs ?? DEFAULT_PROBE_EVERY_MS
    this.#pauseMs = this.#probeEveryMs
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Tries to connect. Resolves when it is known whether Redis answers. */
  async start(): Promise<void> {
    await this.#probe()
  }

  /** Sends a command; calls back with its answer, or at once where the link is closed, or when the timeout is over. */
  ask<Answer>(send: (client: Redis) => Promise<Answer>, done: Answered<Answer>): void {
    if (this.#state !== 'open') {
      done(this.#failure, null)
      return
    }
    const wait: Wait = {
      deadline: performance.now() + this.#options.timeoutMs,
      fail: (failure) => done(failure, null),
    }
    this.#waits.add(wait)
    if (this.#watch === null) this.#lookAfter(this.#options.timeoutMs)
    this.#untilRun(this.#client!, send).then(
      (answer) => {
        if (this.#waits.delete(wait)) done(null, answer)
      },
      (error: unknown) => this.#refused(wait, failureOf(error)),
    )
  }

  /** Ends the connection. What waits fails; what is asked afterwards fails at once. */
  end(): void {
    if (this.#next !== null) clearTimeout(this.#next)
    this.#state = 'ended'
    this.#drop(new StoreFailure('ended'))
  }

  /** Once more where Redis had forgotten a script: nothing was run then, and the next attempt brings its text. */
  async #untilRun<Answer>(client: Redis, send: (client: Redis) => Promise<Answer>): Promise<Answer> {
    for (;;) {
      try {
        return await send(client)
      } catch (error) {
        if (failureOf(error).reason !== 'NOSCRIPT' || client !== this.#client) throw error
      }
    }
  }

  #refused(wait: Wait, failure: StoreFailure): void {
    if (!this.#waits.has(wait)) return
    if (!this.#options.tolerated.has(failure.reason)) {
      this.#close(failure)
      return
    }
    this.#waits.delete(wait)
    wait.fail(failure)
  }

  #lookAfter(ms: number): void {
    this.#lookAt = performance.now() + ms
    this.#watch = setTimeout(this.#look, ms).unref()
  }

  /** One timer for all that wait. Looked at again after I/O: where this thread itself stood still, the answer may be there. */
  readonly #look = (): void => {
    const late = performance.now() - this.#lookAt
    setImmediate(() => {
      this.#watch = null
      const [first] = this.#waits
      if (first === undefined) return
      const { timeoutMs } = this.#options
      const left = first.deadline - performance.now()
      if (left > 0) this.#lookAfter(left)
      else if (late > timeoutMs / 2 && left > -MOST_STALLS * timeoutMs) this.#lookAfter(timeoutMs)
      else this.#close(new StoreFailure('timeout'))
    })
  }

  async #probe(): Promise<void> {
    this.#next = null
    const client = this.#client ?? this.#connect()
    let late: NodeJS.Timeout | undefined
    try {
      if (client.status === 'wait') await client.connect()
      const timeout = new Promise<never>((_, reject) => {
        late = setTimeout(() => setImmediate(reject, new StoreFailure('timeout')), this.#options.timeoutMs)
      })
      await Promise.race([this.#untilRun(client, this.#options.probe), timeout])
      if (client === this.#client) this.#open()
    } catch (error) {
      if (client === this.#client) this.#close(failureOf(error))
    } finally {
      clearTimeout(late)
    }
  }

  /** Milliseconds until the next look. */
  #pauseAfter(before: 'starting' | 'open' | 'closed', { isRefusal }: StoreFailure): number {
    const isSudden = before === 'open' && performance.now() - this.#openedAt < this.#probeEveryMs
    const pauseMs = this.#pauseMs
    this.#pauseMs = this.#probeEveryMs
    // Looked at once again at first: where it was a hiccup, the fleet counts together again at once.
    if (before === 'open' && !isSudden) return 0
    if (!isSudden || !isRefusal) return this.#probeEveryMs
    this.#pauseMs = Math.min(2 * pauseMs, RAREST_LOOK * this.#probeEveryMs)
    return pauseMs
  }

  #probeAfter(ms: number): NodeJS.Timeout {
    return setTimeout(() => void this.#probe(), ms).unref()
  }

  #connect(): Redis {
    const client = this.#options.connect()
    this.#client = client
    let cause: StoreFailure | null = null
    client.on('error', (error) => {
      cause = failureOf(error)
    })
    client.on('close', () => {
      if (client === this.#client) this.#close(cause ?? new StoreFailure('closed'))
    })
    return client
  }

  #open(): void {
    const before = this.#state
    this.#state = 'open'
    this.#next = this.#probeAfter(this.#probeEveryMs)
    if (before === 'open') return
    this.#openedAt = performance.now()
    this.#options.opened()
  }

  #close(failure: StoreFailure): void {
    const before = this.#state
    if (before === 'ended') return
    this.#state = 'closed'
    if (this.#next !== null) clearTimeout(this.#next)
    this.#next = this.#probeAfter(this.#pauseAfter(before, failure))
    this.#drop(failure)
    if (before !== 'closed') this.#options.closed(failure)
  }

  /** A new connection next time: on this one, answers to what nobody waits for any more may still come. */
  #drop(failure: StoreFailure): void {
    this.#failure = failure
    const client = this.#client
    this.#client = null
    client?.disconnect()
    if (this.#watch !== null) clearTimeout(this.#watch)
    this.#watch = null
    const waits = [...this.#waits]
    this.#waits.clear()
    for (const wait of waits) wait.fail(failure)
  }
}
