/** The embedded origin, started with the first config that has it as an upstream: one for all threads that serve. */
import { type Echo, startEcho } from './echo.ts'

export class EchoOnDemand {
  #echo: Promise<Echo> | null = null

  /** Where it listens; null where nobody has used it so far. */
  async portFor({ usesEcho }: { readonly usesEcho: boolean }): Promise<number | null> {
    if (usesEcho) this.#echo ??= startEcho()
    return this.#echo === null ? null : (await this.#echo).port
  }

  async close(): Promise<void> {
    await (await this.#echo)?.close()
  }
}
