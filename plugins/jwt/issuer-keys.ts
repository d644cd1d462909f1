/** The keys of an issuer that may change, at a URL or in a file: when to load them, how often at most, what serves meanwhile. */
import { hash } from 'node:crypto'
import type { Log } from '#gateway'
import { KeySet } from './key-set.ts'
import type { KeySource } from './key-source.ts'
import { KeysUnavailable } from './refusal.ts'

/** Keys that are so many times older than `staleMs` (nobody came meanwhile) are loaded anew before the next token is believed. */
const oldFactor = 6
/** Between two tries at an issuer that is down: while old keys serve, and while there are none. */
const retryMs = 30_000
const firstRetryMs = 1000
/** Fetches that unknown keys may cause: so many at once, and one more per interval. */
const bucketSize = 5
const bucketRefillMs = 10_000
/** A key that the issuer did not have is not asked for again so soon. */
const refusedMs = 30_000
const maxRefused = 1000

export interface IssuerKeysInit {
  /** The text of the key set now. */
  readonly load: () => Promise<string>
  /** Older keys are loaded anew beside the traffic. */
  readonly staleMs: number
  readonly issuer: string
  readonly log: Log
  /** Where it is listed as long as it lives. */
  readonly among: Set<IssuerKeys>
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number
}

export class IssuerKeys implements KeySource {
  keys: KeySet | undefined
  /** Seconds since the epoch of the last fetch that succeeded. */
  lastSuccess: number | undefined
  readonly #init: IssuerKeysInit
  readonly #now: () => number
  #fetchedAt = Number.NEGATIVE_INFINITY
  #attemptedAt = Number.NEGATIVE_INFINITY
  #failing = false
  #pending: Promise<boolean> | undefined
  #bucket = bucketSize
  #refilledAt: number
  /** Digests of key names that were asked for in vain → until when they count as unknown. */
  readonly #refused = new Map<string, number>()

  constructor(init: IssuerKeysInit) {
    this.#init = init
    this.#now = init.now ?? (() => performance.now())
    this.#refilledAt = this.#now()
    init.among.add(this)
  }

  /** Keys that were loaded already. Later ones of its own are not overridden. */
  seed(keys: KeySet): void {
    if (this.keys !== undefined) return
    this.keys = keys
    this.#succeeded()
  }

  close(): void {
    this.#init.among.delete(this)
  }

  get issuer(): string {
    return this.#init.issuer
  }

  get reachable(): boolean {
    return !this.#failing
  }

  isCurrent(): boolean {
    if (this.keys === undefined) return false
    const { staleMs } = this.#init
    const age = this.#now() - this.#fetchedAt
    if (age < staleMs) return true
    if (this.#mayTry()) void this.#fetch()
    // After a try that failed, and until the next, keys of any age serve: the issuer may be down for long.
    return age < oldFactor * staleMs || this.#pending === undefined
  }

  async refresh(): Promise<void> {
    if (this.isCurrent()) return
    if (this.#pending !== undefined || this.#mayTry()) await this.#fetch()
    if (this.keys === undefined) throw new KeysUnavailable()
  }

  async renew(kid: string | undefined): Promise<boolean> {
    const print = kid === undefined ? undefined : hash('sha256', kid, 'base64')
    if (print !== undefined && this.#isRefused(print)) return false
    // What is under way may have begun before the issuer made the key …
    if (this.#pending !== undefined && (await this.#pending) && kid !== undefined && this.keys?.names(kid)) return true
    // … what is under way now began after this token came.
    if (this.#pending === undefined && !this.#takeFromBucket()) return false
    const fetched = await this.#fetch()
    if (fetched && print !== undefined && !this.keys?.names(kid!)) this.#refuse(print)
    return fetched
  }

  /** Not while a try goes on, nor soon after one that failed. */
  #mayTry(): boolean {
    const pause = this.keys === undefined ? firstRetryMs : Math.min(retryMs, this.#init.staleMs)
    return this.#pending === undefined && this.#now() - this.#attemptedAt >= pause
  }

  /** Single flight: whoever comes while one is under way waits for that one. Whether it succeeded. */
  #fetch(): Promise<boolean> {
    this.#pending ??= this.#attempt().finally(() => {
      this.#pending = undefined
    })
    return this.#pending
  }

  async #attempt(): Promise<boolean> {
    this.#attemptedAt = this.#now()
    try {
      const found = KeySet.parse(await this.#init.load())
      this.keys = this.keys === undefined ? found : found.succeed(this.keys)
      this.#succeeded()
      return true
    } catch (error) {
      this.#failed(error)
      return false
    }
  }

  #succeeded(): void {
    const { issuer, log } = this.#init
    this.#fetchedAt = this.#now()
    this.lastSuccess = Math.floor(Date.now() / 1000)
    if (this.keys?.size === 0) log.warn({ issuer }, 'the issuer lists no key that can verify tokens')
    else if (this.#failing) log.info({ issuer }, "the issuer's keys are available again")
    this.#failing = false
  }

  /** One line per transition, not per try: the issuer may be down for long. */
  #failed(error: unknown): void {
    const { issuer, log } = this.#init
    if (!this.#failing) log.warn({ issuer, cause: causeOf(error) }, "the issuer's keys could not be fetched")
    this.#failing = true
  }

  #takeFromBucket(): boolean {
    const refills = Math.floor((this.#now() - this.#refilledAt) / bucketRefillMs)
    this.#bucket = Math.min(bucketSize, this.#bucket + refills)
    this.#refilledAt += refills * bucketRefillMs
    if (this.#bucket === 0) return false
    this.#bucket--
    return true
  }

  #isRefused(print: string): boolean {
    const until = this.#refused.get(print)
    return until !== undefined && this.#now() < until
  }

  #refuse(print: string): void {
    this.#refused.delete(print)
    this.#refused.set(print, this.#now() + refusedMs)
    if (this.#refused.size > maxRefused) this.#refused.delete(this.#refused.keys().next().value!)
  }
}

/** What the operator's log may say: a code or our own words, never bytes of the answer. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const { cause = error } = error
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' ? code : error.message
}
