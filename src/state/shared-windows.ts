/** Rate counters of one algorithm in shared memory, and what newcomers of a counter share when its room is full. */
import type { Algorithm, Count, Limit } from './counters.ts'
import type { KeyHash, KeyHasher } from './key-hash.ts'
import { makeRows, type Rows, rowBytes } from './rows.ts'
import { SharedTable, type SharedTableHandle } from './shared-table.ts'

/** For counters that are full at one time. */
const OVERFLOW_SLOTS = 4096

interface Memory {
  readonly table: SharedTableHandle
  readonly rows: SharedArrayBuffer
}

export interface SharedWindowsHandle {
  readonly algorithm: Algorithm
  readonly keys: Memory
  readonly overflow: Memory
}

export interface SharedWindowsParts {
  readonly hasher: KeyHasher
  /** Milliseconds on a clock that all threads share and that never goes back. */
  readonly now: () => number
  readonly onFull: (counter: string) => void
}

export class SharedWindows {
  readonly #parts: SharedWindowsParts
  readonly #keys: SharedTable
  readonly #rows: Rows
  readonly #overflow: SharedTable
  readonly #overflowRows: Rows

  static allocate(algorithm: Algorithm, slots: number): SharedWindowsHandle {
    return { algorithm, keys: allocate(algorithm, slots), overflow: allocate(algorithm, OVERFLOW_SLOTS) }
  }

  constructor({ algorithm, keys, overflow }: SharedWindowsHandle, parts: SharedWindowsParts) {
    this.#parts = parts
    this.#rows = makeRows(algorithm, keys.table.slots, keys.rows)
    this.#keys = new SharedTable(keys.table, this.#rows)
    this.#overflowRows = makeRows(algorithm, overflow.table.slots, overflow.rows)
    this.#overflow = new SharedTable(overflow.table, this.#overflowRows)
  }

  hit(limit: Limit, key: string): Count {
    const hash = this.#parts.hasher.of(limit, key)
    const lock = this.#keys.lock(hash)
    try {
      const slot = this.#keys.find(hash)
      return slot === -1 ? this.#admit(hash, limit) : this.#rows.hit(slot, limit, this.#parts.now())
    } finally {
      this.#keys.unlock(lock)
    }
  }

  peek(limit: Limit, key: string): Count {
    const { hasher, now } = this.#parts
    const hash = hasher.of(limit, key)
    const lock = this.#keys.lock(hash)
    try {
      const slot = this.#keys.find(hash)
      if (slot !== -1) return this.#rows.peek(slot, limit, now())
      return this.#inOverflow(limit, (shared) =>
        shared === -1 ? this.#rows.blank(limit, now()) : this.#overflowRows.peek(shared, limit, now()),
      )
    } finally {
      this.#keys.unlock(lock)
    }
  }

  /** Gives a newcomer its slot or, where the room is full or was within the window, counts it with the other newcomers. */
  #admit(hash: KeyHash, limit: Limit): Count {
    const now = this.#parts.now()
    return this.#inOverflow(limit, (shared, overflow) => {
      // Under the lock of the key: one that is counted with the others gets no fresh count elsewhere meanwhile.
      const isRunning = shared !== -1 && !this.#overflowRows.isOver(shared, now)
      const own = isRunning ? -1 : this.#keys.claim(hash, now)
      if (own !== -1) return this.#rows.hit(own, limit, now)
      const place = shared === -1 ? this.#overflow.claim(overflow, now) : shared
      // More counters are full at once than there is room for: their newcomers are refused, no limit is lifted.
      if (place === -1) return { current: limit.max + 1, ttl: limit.windowMs }
      const count = this.#overflowRows.hit(place, limit, now)
      if (!isRunning) this.#parts.onFull(limit.counter)
      return count
    })
  }

  #inOverflow(limit: Limit, act: (shared: number, overflow: KeyHash) => Count): Count {
    const hash = this.#parts.hasher.ofCounter(limit)
    const lock = this.#overflow.lock(hash)
    try {
      return act(this.#overflow.find(hash), hash)
    } finally {
      this.#overflow.unlock(lock)
    }
  }
}

function allocate(algorithm: Algorithm, slots: number): Memory {
  const table = SharedTable.allocate(slots)
  return { table, rows: new SharedArrayBuffer(table.slots * rowBytes(algorithm)) }
}
