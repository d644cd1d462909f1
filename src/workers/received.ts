/** The configs that a worker was sent: what a new one says as the last one did, it need not be sent again. */
import type { Config, UpstreamConfig } from '../config/config.ts'
import { unpackConfig } from '../config/unpacked.ts'
import type { Calls } from './messages.ts'
import { type Share, shareOfLimits, shareOfUpstream } from './share.ts'

export class ReceivedConfigs {
  readonly #share: Share
  readonly #upstreamOf: (upstream: UpstreamConfig) => UpstreamConfig
  #served = { number: 0, config: null as Config | null }
  #prepared = this.#served

  constructor(share: Share) {
    this.#share = share
    this.#upstreamOf = (upstream) => shareOfUpstream(upstream, share)
  }

  /** The config, with the worker's part of each bound. */
  async take({ packed, against, number }: Calls['prepare']['takes']): Promise<Config> {
    if (against !== 0 && against !== this.#served.number) {
      throw new Error(`generation ${number} was packed against ${against}, and ${this.#served.number} is served`)
    }
    const known = against === 0 ? null : this.#served.config
    const config = await unpackConfig(packed, { known, upstreamOf: this.#upstreamOf })
    this.#prepared = { number, config }
    return { ...config, limits: shareOfLimits(config.limits, this.#share) }
  }

  /** What was taken last is served from now on. */
  commit(): void {
    this.#served = this.#prepared
  }
}
