/** Collects an answer's body as it passes on to the client, and stores it if it comes to its end. */
import type { ResponseTap } from '#gateway'
import type { Entry } from './entry.ts'
import type { CacheKey } from './key.ts'
import type { CacheStore } from './store.ts'

export interface FillTarget {
  readonly store: CacheStore
  readonly key: CacheKey
  readonly entry: Omit<Entry, 'body'>
  readonly stamp: number
  /** Bytes of the body where the head says so. */
  readonly length: number | null
  readonly maxObject: number
  /** Told of an entry that is kept; null: nobody is. */
  readonly share: ((entry: Entry) => void) | null
}

const FIRST_CAPACITY = 4096

export class Fill implements ResponseTap {
  readonly #target: FillTarget
  #buffer: Buffer | null = null
  #length = 0

  constructor(target: FillTarget) {
    this.#target = target
    this.#grow(target.length ?? Math.min(FIRST_CAPACITY, target.maxObject))
  }

  data(chunk: Buffer): void {
    if (this.#buffer === null) return
    const length = this.#length + chunk.length
    if (length > this.#buffer.length) {
      const { maxObject } = this.#target
      // A body longer than its head said, or too large: not kept, whatever comes.
      if (this.#target.length !== null || length > maxObject) this.abort()
      else this.#grow(Math.min(maxObject, Math.max(length, this.#buffer.length * 2)))
    }
    if (this.#buffer === null) return
    // Copied: the wire uses its buffer again.
    chunk.copy(this.#buffer, this.#length)
    this.#length = length
  }

  end(): void {
    const buffer = this.#buffer
    const { store, key, stamp, length, share } = this.#target
    if (buffer === null) return
    const isWhole = length === null || length === this.#length
    this.abort()
    if (!isWhole) return
    const entry = { ...this.#target.entry, body: exactly(buffer, this.#length) }
    if (store.put(key, entry, stamp)) share?.(entry)
  }

  /** Still has the room it needs. */
  get isCollecting(): boolean {
    return this.#buffer !== null
  }

  /** Lets go of what was collected. Does nothing a second time. */
  abort(): void {
    if (this.#buffer === null) return
    this.#target.store.release(this.#buffer.length)
    this.#buffer = null
  }

  /** Takes room before it takes memory; gives up where there is none. */
  #grow(capacity: number): void {
    const before = this.#buffer
    if (!this.#target.store.reserve(capacity - (before?.length ?? 0))) {
      this.abort()
      return
    }
    this.#buffer = Buffer.allocUnsafeSlow(capacity)
    before?.copy(this.#buffer, 0, 0, this.#length)
  }
}

/** Without spare room, and in memory of its own: a slice of a shared pool would keep the pool alive. */
function exactly(buffer: Buffer, length: number): Buffer {
  if (buffer.length === length) return buffer
  const copy = Buffer.allocUnsafeSlow(length)
  buffer.copy(copy, 0, 0, length)
  return copy
}
