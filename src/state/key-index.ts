/** Which row a key has: a Map, or from some thousand keys on many. One Map of a million keys stands still for 76 ms as it grows. */

/** Before it is divided. Dividing so many takes 2 ms. */
const ONE_MAP = 16_384
/** Of at most 20,000 keys each when a store is full. A power of two. */
const SHARDS = 64
/** Characters at the end that choose the shard: there addresses and names differ. */
const TAIL = 6

export class KeyIndex {
  #shards: readonly Map<string, number>[] = [new Map()]
  #size = 0

  get(key: string): number | undefined {
    return this.#shardOf(key).get(key)
  }

  /** The key is new, or moves to another row. */
  set(key: string, row: number): void {
    const shard = this.#shardOf(key)
    const before = shard.size
    shard.set(key, row)
    this.#size += shard.size - before
    if (this.#size > ONE_MAP && this.#shards.length === 1) this.#divide()
  }

  delete(key: string): void {
    if (this.#shardOf(key).delete(key)) this.#size--
  }

  #shardOf(key: string): Map<string, number> {
    if (this.#shards.length === 1) return this.#shards[0]!
    let hash = key.length
    for (let i = Math.max(0, key.length - TAIL); i < key.length; i++) hash = (hash * 31 + key.charCodeAt(i)) | 0
    return this.#shards[(hash ^ (hash >>> 6)) & (SHARDS - 1)]!
  }

  #divide(): void {
    const [all] = this.#shards
    this.#shards = Array.from({ length: SHARDS }, () => new Map<string, number>())
    for (const [key, row] of all!) this.#shardOf(key).set(key, row)
  }
}
