/** The admin listener's place in a gateway: changed by reloads like the others, and bound before anything is swapped. */
import { AdminServer } from './admin/server.ts'
import type { AdminSource } from './admin/source.ts'
import type { AdminConfig } from './config/config.ts'
import { claim, sharesAddresses } from './listener/share.ts'
import type { Log } from './plugin.ts'

export class AdminPlace {
  readonly #source: AdminSource
  readonly #log: Log
  #server: AdminServer | null = null
  #config: AdminConfig | null = null
  #prepared: { readonly server: AdminServer; readonly config: AdminConfig } | null = null

  constructor(source: AdminSource, log: Log) {
    this.#source = source
    this.#log = log
  }

  get address(): AdminServer['address'] {
    return this.#server!.address
  }

  /** Binds what the config asks for, `beside` another process where need be, unless it is there already. Rejects with Node's error when the address cannot be had. */
  async prepare(config: AdminConfig, { beside }: { readonly beside: boolean }): Promise<void> {
    if (JSON.stringify(this.#config) === JSON.stringify(config)) return
    const { host, port, token, hosts, metricsOpen } = config
    const server = new AdminServer(this.#source, { hosts, token, metricsOpen, log: this.#log })
    // On the same address the old one has to go first; it finishes what it has begun, this reload's answer included.
    if (this.#config?.host === host && this.#server?.address.port === port) this.#server.release()
    if (!beside) await claim({ host, port })
    await server.listen({ host, port, reusePort: sharesAddresses })
    this.#prepared = { server, config }
  }

  commit(): void {
    if (this.#prepared === null) return
    void this.#server?.close()
    this.#server = this.#prepared.server
    this.#config = this.#prepared.config
    this.#prepared = null
  }

  async close(): Promise<void> {
    await this.#prepared?.server.close()
    await this.#server?.close()
  }
}
