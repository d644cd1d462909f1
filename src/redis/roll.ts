/** Which gateways of a fleet live: each says so again and again, and hears how many do. */
import type { Redis } from 'ioredis'
import { wholeNumber } from './failure.ts'

/** A node that has not said for so long that it lives does not. */
const LIVES_MS = 5000

export class Roll {
  readonly #name: string
  readonly #node: string
  readonly #livesMs: number
  #nodes = 1
  #fewerSince: number | null = null

  /** `node`: this one's name. */
  constructor(prefix: string, node: string, livesMs = LIVES_MS) {
    this.#name = `${prefix}nodes`
    this.#node = node
    this.#livesMs = livesMs
  }

  /** This one included. Fewer than before only where it was fewer for as long as a node lives. */
  get nodes(): number {
    return this.#nodes
  }

  async call(client: Redis): Promise<void> {
    const nodes = Math.max(1, wholeNumber(await client.announce(this.#name, this.#node, this.#livesMs)))
    if (nodes < this.#nodes) {
      // A store that comes back empty makes nobody's share larger: the others are only yet to say that they live.
      this.#fewerSince ??= performance.now()
      if (performance.now() - this.#fewerSince < this.#livesMs) return
    }
    this.#fewerSince = null
    this.#nodes = nodes
  }

  leave(client: Redis): Promise<unknown> {
    return client.zrem(this.#name, this.#node)
  }
}
