/**
 * Counters in this process's memory: exact, and bounded without ever forgetting a running window. When the store is
 * full of running windows, newcomers of a counter share one: rotating keys then costs the rotator its own limit.
 */
import type { Count, CountCallback, CounterStore } from './counters.ts'
import { WindowTable } from './window-table.ts'

/** About 100 bytes each with keys of 20 characters (measured: 92), so 100 MB when full. */
const DEFAULT_MAX_KEYS = 1_000_000
/** Every counter may hold so many keys however full the store is: one counter's flood must not crowd out the others. */
const RESERVED_KEYS = 1_000
const SWEEP_EVERY_MS = 250
const SWEEP_SLOTS = 5_000
/** Swept by each newcomer: two for one keeps ended windows fewer than running ones. */
const NEWCOMER_SLOTS = 2
/** Looked at by a newcomer before it has to share a window. */
const FULL_SLOTS = 256

export interface MemoryCountersOptions {
  readonly maxKeys?: number
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number
  /** The store is full and the newcomers of this counter begin to share a window. */
  readonly onFull?: (counter: string) => void
}

export class MemoryCounters implements CounterStore {
  readonly #tables = new Map<string, WindowTable>()
  readonly #maxKeys: number
  readonly #now: () => number
  readonly #onFull: (counter: string) => void
  #keys = 0
  #sweeper: NodeJS.Timeout | null = null
  #turn: Iterator<[string, WindowTable]>

  constructor(options: MemoryCountersOptions = {}) {
    this.#maxKeys = options.maxKeys ?? DEFAULT_MAX_KEYS
    this.#now = options.now ?? (() => performance.now())
    this.#onFull = options.onFull ?? (() => {})
    this.#turn = this.#tables.entries()
  }

  get local(): CounterStore {
    return this
  }

  /** Windows held, ended ones that no sweep has met yet included. */
  get keys(): number {
    return this.#keys
  }

  increment(counter: string, key: string, windowMs: number, _max: number, done: CountCallback): void {
    const now = this.#now()
    const table = this.#tables.get(counter) ?? this.#openTable(counter)
    done(null, table.hit(key, windowMs, now) ?? this.#admit(table, { counter, key, windowMs, now }))
  }

  read(counter: string, key: string, windowMs: number, _max: number, done: CountCallback): void {
    const now = this.#now()
    const { current, ttl } = this.#peek(this.#tables.get(counter), key, now) ?? { current: 0, ttl: windowMs }
    done(null, { current: current + 1, ttl })
  }

  /** Stops the sweep. What is counted afterwards is still right. */
  close(): void {
    if (this.#sweeper !== null) clearInterval(this.#sweeper)
    this.#sweeper = null
  }

  #peek(table: WindowTable | undefined, key: string, now: number): Count | null {
    if (table === undefined) return null
    if (table.has(key) || !table.isOverflowing(now)) return table.peek(key, now)
    return table.peekOverflow(now)
  }

  #admit(table: WindowTable, hit: { counter: string; key: string; windowMs: number; now: number }): Count {
    const { counter, key, windowMs, now } = hit
    this.#keys -= table.sweep(NEWCOMER_SLOTS, now)
    if (table.isOverflowing(now)) return table.hitOverflow(windowMs, now)
    if (!this.#hasRoom(table, now)) {
      this.#onFull(counter)
      return table.hitOverflow(windowMs, now)
    }
    this.#keys++
    return table.open(key, windowMs, now)
  }

  #hasRoom(table: WindowTable, now: number): boolean {
    if (this.#keys < this.#maxKeys || table.size < RESERVED_KEYS) return true
    this.#sweep(FULL_SLOTS, now)
    return this.#keys < this.#maxKeys
  }

  #openTable(counter: string): WindowTable {
    const table = new WindowTable()
    this.#tables.set(counter, table)
    this.#sweeper ??= setInterval(() => this.#tick(), SWEEP_EVERY_MS).unref()
    return table
  }

  #tick(): void {
    this.#sweep(SWEEP_SLOTS, this.#now())
    if (this.#tables.size === 0) this.close()
  }

  /** Looks at `slots` windows, counter by counter, and lets go of counters that have none. */
  #sweep(slots: number, now: number): void {
    let left = slots
    for (let tables = this.#tables.size; tables > 0 && left > 0; tables--) {
      const [counter, table] = this.#nextTable()
      const looked = Math.min(left, table.size)
      this.#keys -= table.sweep(looked, now)
      left -= Math.max(1, looked)
      if (table.size === 0 && !table.isOverflowing(now)) this.#tables.delete(counter)
    }
  }

  /** There is one: only called while there are tables. */
  #nextTable(): [string, WindowTable] {
    let next = this.#turn.next()
    if (next.done) {
      this.#turn = this.#tables.entries()
      next = this.#turn.next()
    }
    return next.value
  }
}
