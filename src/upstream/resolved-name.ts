/**
 * The addresses of one name, kept up to date in the background: a request never waits for a lookup but the first.
 * Looked up on first use; again when the addresses have lived their time, or when one could not be reached.
 */
import type { LookupFunction } from 'node:net'
import type { Address, Resolve } from './resolve.ts'

export interface NameEvents {
  /** Addresses changed, or were found for the first time. */
  changed(host: string, addresses: readonly string[]): void
  /** Lookups began to fail; told once until one succeeds. `code` is that of the resolver. */
  failed(host: string, code: string): void
}

/** After a failure nobody asks again for as long; at first, and at most. */
const FIRST_RETRY_MS = 1000
const LAST_RETRY_MS = 30_000
/** Connections that fail one after the other ask no more often. */
const MIN_INTERVAL_MS = 1000

export class ResolvedName {
  readonly host: string
  readonly #resolve: Resolve
  readonly #events: NameEvents
  readonly #watchers = new Set<(addresses: readonly string[]) => void>()
  #known: readonly Address[] = []
  #failure: NodeJS.ErrnoException | null = null
  #failures = 0
  #askedAt = -Infinity
  #pending: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined
  #turn = 0
  #isClosed = false

  constructor(host: string, resolve: Resolve, events: NameEvents) {
    this.host = host
    this.#resolve = resolve
    this.#events = events
  }

  /** As found last. */
  get addresses(): readonly string[] {
    return this.#known.map(({ address }) => address)
  }

  /** Calls back when other addresses have taken the place of those before. Returns how to stop that. */
  watch(changed: (addresses: readonly string[]) => void): () => void {
    this.#watchers.add(changed)
    return () => void this.#watchers.delete(changed)
  }

  /** What a new connection asks: all addresses, each in turn first, so that connections spread over them. */
  readonly lookup: LookupFunction = (_, options, callback) => {
    this.#found().then(
      () => {
        const addresses = this.#inTurn()
        if (options.all === true) callback(null, addresses as { address: string; family: number }[])
        else callback(null, addresses[0]!.address, addresses[0]!.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    )
  }

  /** An address could not be reached: perhaps the name has moved. */
  suspect(): void {
    if (performance.now() - this.#askedAt >= MIN_INTERVAL_MS) void this.#ask()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#watchers.clear()
  }

  /** Resolves when there are addresses; old ones are better than none. */
  async #found(): Promise<void> {
    if (this.#known.length > 0) return
    if (this.#failure === null || performance.now() - this.#askedAt >= FIRST_RETRY_MS) await this.#ask()
    if (this.#known.length === 0) throw this.#failure
  }

  /** One lookup at a time, however many ask for it. */
  #ask(): Promise<void> {
    this.#pending ??= this.#lookUp().finally(() => {
      this.#pending = null
    })
    return this.#pending
  }

  async #lookUp(): Promise<void> {
    clearTimeout(this.#timer)
    try {
      const { addresses, lifetimeMs } = await this.#resolve(this.host, this.#known)
      this.#failure = null
      this.#failures = 0
      this.#learn(addresses)
      this.#askAfter(lifetimeMs)
    } catch (error) {
      this.#fail(error as NodeJS.ErrnoException)
    } finally {
      this.#askedAt = performance.now()
    }
  }

  #learn(addresses: readonly Address[]): void {
    const before = new Set(this.addresses)
    this.#known = addresses
    if (before.size === addresses.length && addresses.every(({ address }) => before.has(address))) return
    this.#events.changed(this.host, this.addresses)
    // The first addresses replace none, and connections that wait for them are about to get them.
    if (before.size === 0) return
    for (const changed of this.#watchers) changed(this.addresses)
  }

  /** Keeps the addresses there are. Where there never were any, the next connection asks. */
  #fail(error: NodeJS.ErrnoException): void {
    if (this.#failure === null) this.#events.failed(this.host, error.code ?? 'unknown')
    this.#failure = error
    this.#failures++
    if (this.#known.length > 0) this.#askAfter(Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), LAST_RETRY_MS))
  }

  #askAfter(ms: number): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => void this.#ask(), ms)
    this.#timer.unref()
  }

  /** The family that came first stays first, since the other may lead nowhere from here. */
  #inTurn(): readonly Address[] {
    const { family } = this.#known[0]!
    const preferred = this.#known.filter((address) => address.family === family)
    const start = this.#turn++ % preferred.length
    const others = this.#known.filter((address) => address.family !== family)
    return [...preferred.slice(start), ...preferred.slice(0, start), ...others]
  }
}
