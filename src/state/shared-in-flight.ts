/** Requests in flight over all threads of a process. Each thread's are kept apart, so that those of a dead one can go. */
import { randomBytes } from 'node:crypto'
import { type InFlightLimit, type InFlightStore, NO_PLACE } from './in-flight.ts'
import { KeyHasher, type Seed } from './key-hash.ts'
import { SharedTable, type SharedTableHandle } from './shared-table.ts'

/** Many more than connections: a key that finds no room is refused. */
const SLOTS = 2 ** 17

/** May be sent to threads. */
export interface SharedInFlightHandle {
  readonly seed: Seed
  readonly threads: number
  readonly table: SharedTableHandle
  readonly taken: SharedArrayBuffer
}

export class SharedInFlight implements InFlightStore {
  readonly #hasher: KeyHasher
  readonly #table: SharedTable
  readonly #taken: TakenPlaces
  readonly #threads: number
  readonly #thread: number

  /** 16 bytes and 4 for each thread a slot: 3 MB for two threads, used as it is first touched. */
  static allocate(threads: number, slots = SLOTS): SharedInFlightHandle {
    const table = SharedTable.allocate(slots)
    return {
      seed: [randomBytes(4).readInt32LE(), randomBytes(4).readInt32LE()],
      threads,
      table,
      taken: new SharedArrayBuffer(table.slots * threads * 4),
    }
  }

  /** Gives back all that a thread holds, once it is dead; the one that follows it under its number begins with nothing too. */
  static clear({ threads, taken }: SharedInFlightHandle, thread: number): void {
    const places = new Int32Array(taken)
    for (let at = thread; at < places.length; at += threads) if (places[at] !== 0) Atomics.store(places, at, 0)
  }

  /** `thread` counts from 0. */
  constructor(handle: SharedInFlightHandle, thread: number) {
    const { seed, threads, table, taken } = handle
    if (thread < 0 || thread >= threads)
      throw new RangeError(`there are ${threads} threads, and ${thread} is none of them`)
    SharedInFlight.clear(handle, thread)
    this.#hasher = new KeyHasher(seed)
    this.#taken = new TakenPlaces(taken, threads)
    this.#table = new SharedTable(table, this.#taken)
    this.#threads = threads
    this.#thread = thread
  }

  acquire(limit: InFlightLimit, key: string): number {
    const hash = this.#hasher.of(limit, key)
    const lock = this.#table.lock(hash)
    try {
      const found = this.#table.find(hash)
      const slot = found === -1 ? this.#table.claim(hash, 0) : found
      if (slot === -1 || this.#taken.of(slot) >= limit.max) return NO_PLACE
      this.#taken.change(slot * this.#threads + this.#thread, 1)
      return slot
    } finally {
      this.#table.unlock(lock)
    }
  }

  release(place: number): void {
    // Without the lock: only this thread writes its number, and who reads a moment too early refuses, never lets in.
    this.#taken.change(place * this.#threads + this.#thread, -1)
  }

  read(limit: InFlightLimit, key: string): number {
    const hash = this.#hasher.of(limit, key)
    const lock = this.#table.lock(hash)
    try {
      const slot = this.#table.find(hash)
      return slot === -1 ? 0 : this.#taken.of(slot)
    } finally {
      this.#table.unlock(lock)
    }
  }
}

/** Places taken, by slot and thread. */
class TakenPlaces {
  readonly #taken: Int32Array
  readonly #threads: number

  constructor(memory: SharedArrayBuffer, threads: number) {
    this.#taken = new Int32Array(memory)
    this.#threads = threads
  }

  of(slot: number): number {
    let sum = 0
    for (let at = slot * this.#threads; at < (slot + 1) * this.#threads; at++) sum += Atomics.load(this.#taken, at)
    return sum
  }

  change(at: number, by: number): void {
    if (Atomics.add(this.#taken, at, by) + by < 0) {
      Atomics.store(this.#taken, at, 0)
      throw new Error('a place is released more often than acquired')
    }
  }

  isOver(slot: number): boolean {
    return this.of(slot) === 0
  }

  clear(_slot: number): void {
    // What is over holds nothing.
  }
}
