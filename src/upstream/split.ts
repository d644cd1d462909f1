/** A route's traffic, divided among upstreams by weight; by a key of the request, so that it stays on its side, or by chance. */
import { affinityText } from '../config/balance.ts'
import type { AffinityKey } from '../config/config.ts'
import { stages } from '../exchange/decision.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { affinityOf, hashOf } from './affinity.ts'
import type { Upstream } from './upstream.ts'

export interface Share {
  readonly upstream: Upstream
  readonly weight: number
}

export class Split {
  readonly shares: readonly Share[]
  readonly #by: AffinityKey | null
  readonly #total: number

  constructor(shares: readonly Share[], by: AffinityKey | null) {
    this.shares = shares
    this.#by = by
    this.#total = shares.reduce((sum, { weight }) => sum + weight, 0)
  }

  /** The upstream of this request. In a dry run chance is left out: the largest share stands for all. */
  choose(exchange: Exchange): Upstream {
    const point = this.#by === null && exchange.dry ? null : this.#point(exchange)
    const chosen = point === null ? this.#largest() : this.at(point)
    if (exchange.recording) {
      exchange.running = stages.upstream
      const shares = this.shares.map(({ upstream, weight }) => ({ upstream: upstream.name, weight }))
      exchange.decide('pass', 'split', {
        upstream: chosen.name,
        shares,
        by: this.#by === null ? null : affinityText(this.#by),
        // With it the log says which side a request takes under other shares, without the cookie.
        point,
      })
    }
    return chosen
  }

  /** Whose share a point from 0 up to 1 falls into. Shares lie in the order of the list, so a changed weight moves few keys. */
  at(point: number): Upstream {
    let left = point * this.#total
    for (const { upstream, weight } of this.shares) {
      left -= weight
      if (left < 0) return upstream
    }
    return this.#largest()
  }

  #point(exchange: Exchange): number {
    return this.#by === null ? Math.random() : hashOf(affinityOf(exchange, this.#by)) / 2 ** 32
  }

  #largest(): Upstream {
    return this.shares.reduce((largest, share) => (share.weight > largest.weight ? share : largest)).upstream
  }
}
