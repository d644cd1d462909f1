/** The embedded origin, started with the first config that has it as an upstream: one for all threads that serve. */
import { type Echo, startEcho } from './echo.ts'

/** As much of a config as it takes to know whether it is used. */
interface Using {
  readonly upstreams: readonly { readonly targets: readonly { readonly protocol: string }[] }[]
}

export class EchoOnDemand {
  #echo: Promise<Echo> | null = null

  /** Where it listens; null where nobody has used it so far. */
  async portFor({ upstreams }: Using): Promise<number | null> {
    const isUsed = upstreams.some(({ targets }) => targets.some(({ protocol }) => protocol === 'builtin'))
    if (isUsed) this.#echo ??= startEcho()
    return this.#echo === null ? null : (await this.#echo).port
  }

  async close(): Promise<void> {
    await (await this.#echo)?.close()
  }
}
