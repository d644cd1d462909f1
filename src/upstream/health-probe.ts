/** Probes one target: at once, then again and again, each time on a connection of its own; tells when its verdict turns. */
import type { ProbeConfig } from '../config/resilience.ts'
import type { ClientRequest, Origin, RequestHead, ResponseHead } from '../http1/client.ts'
import { Pool } from '../http1/pool.ts'
import type { ResolvedName } from './resolved-name.ts'
import { hasStatus } from './statuses.ts'

/** Why a probe failed: `status 503`, `timeout`, or what the wire says (`refused`, `closed`, …). Null: it was good. */
export type ProbeFailure = string | null

export interface Probed {
  readonly origin: Origin
  /** The Host of the probes, unless the config has another. */
  readonly authority: string
  /** What is known of it so far. */
  readonly isUp: boolean
  /** Where its host is looked up; closed with the prober. Null where the host is no name. */
  readonly name: ResolvedName | null
}

/** A health page is short; of a longer one this much is read. */
const MAX_BODY = 64 * 1024
const MAX_HEAD = 16 * 1024

/** How far from its interval a probe may be, so that gateways and targets do not fall into step. */
const JITTER = 0.1

export class Prober {
  readonly #config: ProbeConfig
  readonly #pool: Pool
  readonly #name: ResolvedName | null
  readonly #head: RequestHead
  readonly #tally: ProbeTally
  readonly #turned: (isUp: boolean, failure: ProbeFailure) => void
  #request: ClientRequest | null = null
  #timer: NodeJS.Timeout | undefined

  /** Begins at once. `turned` is told of each change of the verdict, which is `probed.isUp` until then. */
  constructor(probed: Probed, config: ProbeConfig, turned: (isUp: boolean, failure: ProbeFailure) => void) {
    const { origin, authority, isUp, name } = probed
    this.#name = name
    this.#config = config
    this.#turned = turned
    this.#tally = new ProbeTally(config, isUp)
    const lookup = name === null ? {} : { lookup: name.lookup, connectFailed: () => name.suspect() }
    const options = { ...poolOptions(config), ...lookup }
    this.#pool = new Pool(config.port === undefined ? origin : { ...origin, port: config.port }, options)
    this.#head = {
      method: config.method,
      target: config.path,
      headers: ['host', config.host ?? authority, 'user-agent', 'sluice-health', ...config.headers],
      body: { kind: 'none' },
    }
    this.#probe()
  }

  get isUp(): boolean {
    return this.#tally.isUp
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#request?.abort()
    this.#pool.destroy()
    this.#name?.close()
  }

  #probe(): void {
    let rest = MAX_BODY
    let failure: ProbeFailure = null
    const end = (result: ProbeFailure) => {
      clearTimeout(this.#timer)
      this.#request?.abort()
      this.#note(result)
    }
    this.#timer = setTimeout(() => end('timeout'), this.#config.timeoutMs).unref()
    this.#request = this.#pool.request(this.#head, {
      head: ({ status }: ResponseHead) => {
        if (!hasStatus(this.#config.statuses, status)) failure = `status ${status}`
      },
      data: (chunk) => {
        rest -= chunk.length
        if (rest < 0) end(failure)
        return true
      },
      end: () => end(failure),
      error: ({ code }) => end(code),
    })
  }

  #note(failure: ProbeFailure): void {
    const spread = 1 - JITTER + 2 * JITTER * Math.random()
    this.#timer = setTimeout(() => this.#probe(), this.#config.intervalMs * spread).unref()
    if (this.#tally.note(failure === null)) this.#turned(this.#tally.isUp, failure)
  }
}

/** Turns single probes into a verdict: so many in a row must say the same. Pure. */
export class ProbeTally {
  readonly #after: { readonly unhealthyAfter: number; readonly healthyAfter: number }
  /** Probes in a row that contradict the verdict. */
  #row = 0
  #isUp: boolean

  constructor(after: { readonly unhealthyAfter: number; readonly healthyAfter: number }, isUp: boolean) {
    this.#after = after
    this.#isUp = isUp
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** True when the verdict turned. */
  note(isGood: boolean): boolean {
    this.#row = isGood === this.#isUp ? 0 : this.#row + 1
    if (this.#row < (this.#isUp ? this.#after.unhealthyAfter : this.#after.healthyAfter)) return false
    this.#isUp = isGood
    this.#row = 0
    return true
  }
}

/** No connection is kept: one that stands says little about whether another can be made. */
function poolOptions({ timeoutMs }: ProbeConfig): ConstructorParameters<typeof Pool>[1] {
  return {
    maxConnections: 1,
    maxIdle: 0,
    idleTimeoutMs: timeoutMs,
    queueLimit: 1,
    queueTimeoutMs: timeoutMs,
    connectTimeoutMs: timeoutMs,
    responseTimeoutMs: timeoutMs,
    bodyIdleTimeoutMs: timeoutMs,
    streamIdleTimeoutMs: timeoutMs,
    maxHeadBytes: MAX_HEAD,
    maxHeaders: 100,
  }
}
