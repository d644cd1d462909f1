/**
 * Counters that all threads of a process share: exact, and bounded like those of one thread. A hit locks the 64 slots of its
 * key's group. Lock and unlock cost 23 ns; one compare-and-swap on a word of 64 bits, a BigInt, costs 68 (bench/counters.ts).
 */

import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import type { CountCallback, CounterStore, Limit } from './counters.ts'
import { KeyHasher, type Seed } from './key-hash.ts'
import { SharedWindows, type SharedWindowsHandle } from './shared-windows.ts'

/** Slots, of which about half fill before some group of 64 is full. Memory is used as it is first touched. */
const FIXED_SLOTS = 2 ** 21
const SLIDING_SLOTS = 2 ** 19

/** May be sent to threads. */
export interface SharedCountersHandle {
  readonly seed: Seed
  readonly fixed: SharedWindowsHandle
  readonly sliding: SharedWindowsHandle
}

export interface SharedCountersOptions {
  /** Milliseconds on a clock that all threads share and that never goes back. */
  readonly now?: () => number
  /** The newcomers of this counter begin to share a window. Told to the thread whose newcomer was the first. */
  readonly onFull?: (counter: string) => void
}

export class SharedCounters implements CounterStore {
  readonly #fixed: SharedWindows
  readonly #sliding: SharedWindows

  /** Memory for about a million keys under `fixed`, 28 bytes a slot (59 MB), and 260,000 under `sliding`, 96 a slot (50 MB). */
  static allocate({ fixed = FIXED_SLOTS, sliding = SLIDING_SLOTS } = {}): SharedCountersHandle {
    return {
      seed: [randomBytes(4).readInt32LE(), randomBytes(4).readInt32LE()],
      fixed: SharedWindows.allocate('fixed', fixed),
      sliding: SharedWindows.allocate('sliding', sliding),
    }
  }

  constructor({ seed, fixed, sliding }: SharedCountersHandle, options: SharedCountersOptions = {}) {
    const { now = machineClock(), onFull = () => {} } = options
    const parts = { hasher: new KeyHasher(seed), now, onFull }
    this.#fixed = new SharedWindows(fixed, parts)
    this.#sliding = new SharedWindows(sliding, parts)
  }

  get local(): CounterStore {
    return this
  }

  increment(limit: Limit, key: string, done: CountCallback): void {
    done(null, this.#of(limit).hit(limit, key))
  }

  read(limit: Limit, key: string, done: CountCallback): void {
    done(null, this.#of(limit).peek(limit, key))
  }

  #of(limit: Limit): SharedWindows {
    return limit.algorithm === 'sliding' ? this.#sliding : this.#fixed
  }
}

/** `performance.now()`, which starts with its thread, set to the clock of the machine that `hrtime` reads for all. */
function machineClock(): () => number {
  const behind = Number(process.hrtime.bigint()) / 1e6 - performance.now()
  return () => performance.now() + behind
}
