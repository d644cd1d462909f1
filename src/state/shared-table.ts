/**
 * Keys of all counters in memory that threads share: groups of 64 slots, each group under a lock of its own. A slot is known by
 * the hash of its key and taken over once nothing counts in its row any more. What the rows hold is the owner's business.
 */
import type { KeyHash } from './key-hash.ts'

const GROUP = 64
/** Of a group, for the keys of one counter: its flood leaves the others an eighth of the room. */
const SHARE = 56
const SLOT_WORDS = 4
const HEADER_WORDS = 16
/** In the fourth word of a slot that was ever taken. */
const USED = 1
const SPINS = 1000
/** A lock held for so long is that of a dead thread: what is done under it takes less than a microsecond. */
const DEAD_MS = 1000

export interface SharedTableHandle {
  readonly slots: number
  readonly memory: SharedArrayBuffer
}

interface Rows {
  isOver(row: number, now: number): boolean
  clear(row: number): void
}

export class SharedTable {
  readonly #rows: Rows
  readonly #words: Int32Array
  readonly #groups: number
  readonly #firstSlot: number
  readonly #thread: number
  #turn = 0
  /** What stands in the lock that this thread holds, if it holds one. */
  #mine = 0

  /** Room for at least so many keys, in the memory of every thread that is given the handle. */
  static allocate(slots: number): SharedTableHandle {
    const groups = 2 ** Math.ceil(Math.log2(Math.max(1, slots / GROUP)))
    const words = HEADER_WORDS + groups + groups * GROUP * SLOT_WORDS
    return { slots: groups * GROUP, memory: new SharedArrayBuffer(words * 4) }
  }

  /** `rows`: one for each slot, in memory that is shared as well. */
  constructor({ slots, memory }: SharedTableHandle, rows: Rows) {
    this.#rows = rows
    this.#words = new Int32Array(memory)
    this.#groups = slots / GROUP
    this.#firstSlot = HEADER_WORDS + this.#groups
    this.#thread = (Atomics.add(this.#words, 0, 1) + 1) & 0xff
  }

  /** Locks the key's group, one at a time: nobody else reads or writes its slots and rows until `unlock`. Returns what that wants. */
  lock(hash: KeyHash): number {
    const word = HEADER_WORDS + this.#groupOf(hash)
    // Never the same for two turns in a row, so that a waiter can tell a lock that is stuck from one that is busy. Never 0.
    this.#turn = (this.#turn + 1) & 0x7f_ffff
    this.#mine = (this.#turn << 8) | this.#thread | 0x8000_0000
    if (Atomics.compareExchange(this.#words, word, 0, this.#mine) !== 0) this.#wait(word, this.#mine)
    return word
  }

  unlock(word: number): void {
    // Not a plain store: a waiter may have taken us for dead.
    Atomics.compareExchange(this.#words, word, this.#mine, 0)
  }

  /** The key's slot, or -1. Under the lock. */
  find(hash: KeyHash): number {
    const words = this.#words
    const { low, high } = hash
    const first = this.#groupOf(hash) * GROUP
    for (let i = 0; i < GROUP; i++) {
      const slot = first + ((high + i) & (GROUP - 1))
      const at = this.#firstSlot + slot * SLOT_WORDS
      if (words[at] === low && words[at + 1] === high && words[at + 3] === USED) return slot
      // Slots are taken over, never emptied: behind an unused one there is nothing of ours.
      if (words[at + 3] !== USED) return -1
    }
    return -1
  }

  /** A slot for a key that has none, its row begun; -1 where the group is full or the counter has its share. Under the lock. */
  claim(hash: KeyHash, now: number): number {
    const words = this.#words
    const first = this.#groupOf(hash) * GROUP
    let free = -1
    let own = 0
    for (let i = 0; i < GROUP; i++) {
      const slot = first + ((hash.high + i) & (GROUP - 1))
      const at = this.#firstSlot + slot * SLOT_WORDS
      if (words[at + 3] !== USED || this.#rows.isOver(slot, now)) {
        if (free === -1) free = slot
      } else if (words[at + 2] === hash.counter) own++
    }
    if (free === -1 || own >= SHARE) return -1
    this.#rows.clear(free)
    const at = this.#firstSlot + free * SLOT_WORDS
    words[at] = hash.low
    words[at + 1] = hash.high
    words[at + 2] = hash.counter
    words[at + 3] = USED
    return free
  }

  #groupOf(hash: KeyHash): number {
    return hash.low & (this.#groups - 1)
  }

  #wait(word: number, mine: number): void {
    const words = this.#words
    for (let spins = 0; spins < SPINS; spins++) if (Atomics.compareExchange(words, word, 0, mine) === 0) return
    let owner = 0
    let since = 0
    for (;;) {
      const found = Atomics.compareExchange(words, word, 0, mine)
      if (found === 0) return
      if (found !== owner) {
        owner = found
        since = performance.now()
      } else if (performance.now() - since > DEAD_MS && Atomics.compareExchange(words, word, owner, mine) === owner) {
        return
      }
      // Gives the core to whoever holds the lock; nobody notifies, so that releasing stays cheap.
      Atomics.wait(words, word, found, 1)
    }
  }
}
