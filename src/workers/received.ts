/** The configs that a worker was sent: what a new one says as the last one did, it need not be sent again. */
import type { Config, UpstreamConfig } from '../config/config.ts'
import { unpackConfig } from '../config/packed.ts'
import type { Parts } from '../config/parts.ts'
import type { Calls } from './messages.ts'
import { type Share, shareOf } from './share.ts'

export class ReceivedConfigs {
  readonly #share: Share
  readonly #upstreams = new Map<UpstreamConfig, UpstreamConfig>()
  #served = { number: 0, parts: null as Parts | null }
  #prepared = this.#served

  constructor(share: Share) {
    this.#share = share
  }

  /** The config, with the worker's part of each bound. */
  async take({ packed, against, number }: Calls['prepare']['takes']): Promise<Config> {
    if (against !== 0 && against !== this.#served.number) {
      throw new Error(`generation ${number} was packed against ${against}, and ${this.#served.number} is served`)
    }
    const { config, parts } = await unpackConfig(packed, against === 0 ? null : this.#served.parts)
    this.#prepared = { number, parts }
    return shareOf(config, this.#share, this.#upstreams)
  }

  /** What was taken last is served from now on. */
  commit(): void {
    this.#served = this.#prepared
  }
}
