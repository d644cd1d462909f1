/** The gateway: loads a config, serves it, reloads it, stops. What the command line and the tests use. */
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { AdminServer } from './admin/server.ts'
import type { GatewayStatus, ReloadResult } from './admin/source.ts'
import { type Echo, startEcho } from './builtin/echo.ts'
import type { Config } from './config/config.ts'
import { loadConfig, redactedSource } from './config/load.ts'
import { PluginCatalog } from './config/plugin-catalog.ts'
import { ConfigError, type Document, diagnosticsOf } from './gateway-errors.ts'
import { GatewayView, type Viewed } from './gateway-view.ts'
import { Carry } from './generation/carry.ts'
import { compile, type World } from './generation/compile.ts'
import type { Generation } from './generation/generation.ts'
import { Turns } from './generation/turns.ts'
import { FileWatch } from './generation/watch.ts'
import { ListenerSet } from './listener/listener-set.ts'
import { type GatewayCounters, gatewayMetrics } from './observe/gateway-metrics.ts'
import { createLog } from './observe/log.ts'
import { Metrics } from './observe/metrics.ts'
import type { Log } from './plugin.ts'
import { MemoryCounters } from './state/memory-counters.ts'
import { connectionsByUpstream, type Target } from './upstream/target.ts'

export interface GatewayOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly log?: Log
  /** Reload when the file changes. */
  readonly watch?: boolean
}

export class Gateway implements Viewed {
  readonly #file: string
  /** The file as it was named: what diagnostics call it. */
  readonly #shownAs: string
  readonly #options: GatewayOptions
  readonly #log: Log
  readonly #carry = new Carry()
  readonly #metrics = new Metrics()
  readonly #memory: MemoryCounters
  readonly #catalog = new PluginCatalog()
  readonly #counters: GatewayCounters
  readonly #world: World
  readonly #listeners: ListenerSet
  readonly #turns = new Turns(() => this.#turn())
  readonly #retiring = new Map<Generation, Promise<void>>()
  #generation: Generation | null = null
  #current: Config | null = null
  #document: Document | null = null
  #admin: AdminServer | null = null
  #watch: FileWatch | null = null
  #echo: Promise<Echo> | null = null
  #requests = 0
  #stopping = false
  #lastReload: GatewayStatus['lastReload'] = { ok: true, at: new Date().toISOString() }

  /** Loads the file, compiles it and listens. Rejects with ConfigError, or with Node's error for an address in use. */
  static async start(file: string, options: GatewayOptions = {}): Promise<Gateway> {
    const gateway = new Gateway(file, options)
    try {
      await gateway.#start()
    } catch (error) {
      await gateway.#end()
      throw error
    }
    return gateway
  }

  private constructor(file: string, options: GatewayOptions) {
    this.#file = resolve(file)
    this.#shownAs = file
    this.#options = options
    this.#log = options.log ?? createLog()
    this.#memory = new MemoryCounters({
      onFull: (counter) => this.#log.warn({ counter }, 'the rate-limit store is full: new keys share one window'),
    })
    this.#listeners = new ListenerSet({
      request: (raw, response, meta) => {
        this.#requests++
        try {
          this.#generation!.handle(raw, response, meta)
        } catch (error) {
          // Whatever a client sent, it costs that client its connection and never the process.
          this.#log.error({ error }, 'a request could not be handled')
          response.destroy()
        }
      },
    })
    this.#counters = gatewayMetrics(this.#metrics, {
      lastReloadSuccessful: () => this.#lastReload.ok,
      configHash: () => this.#current?.hash ?? '',
      inflightRequests: () => this.#inflight(),
      connections: () => this.#listeners.connections(),
      upstreamConnections: () => connectionsByUpstream(this.#carry.values<Target>('target ')),
      certificates: () => this.#listeners.certificates(),
    })
    this.#world = this.#makeWorld()
  }

  #makeWorld(): World {
    return {
      carry: this.#carry,
      log: this.#log,
      metrics: this.#metrics,
      counters: this.#memory,
      rejections: this.#counters.rejections,
      name: `sluice-${randomBytes(4).toString('hex')}`,
      echoPort: async () => {
        this.#echo ??= startEcho()
        return (await this.#echo).port
      },
    }
  }

  async #start(): Promise<void> {
    const result = await this.#turn()
    if (!result.ok) throw new ConfigError(result.diagnostics, this.#document!)
    if (this.#options.watch === true) this.#watch = new FileWatch(this.#file, () => void this.reload())
  }

  get current(): Config {
    if (this.#current === null) throw new Error('no config is loaded')
    return this.#current
  }

  get redacted(): string {
    return redactedSource(this.#document!)
  }

  get generation(): number {
    return this.#generation?.number ?? 0
  }

  get requests(): number {
    return this.#requests
  }

  get lastReload(): GatewayStatus['lastReload'] {
    return this.#lastReload
  }

  get isReady(): boolean {
    return this.#generation !== null && !this.#stopping
  }

  get adminAddress(): { readonly host: string; readonly port: number } {
    return this.#admin!.address
  }

  /** Where each listener is bound, by name. */
  get addresses(): ListenerSet['addresses'] {
    return this.#listeners.addresses
  }

  /** Objects that survive reloads, held at present: for leak tests. */
  get carried(): number {
    return this.#carry.size
  }

  refresh(): Promise<void> {
    return this.#listeners.count()
  }

  #inflight(): number {
    return [this.#generation, ...this.#retiring.keys()].reduce((sum, one) => sum + (one?.openExchanges ?? 0), 0)
  }

  /** Reads the file as it is after this call, and resolves when it serves, or with what is wrong with it. */
  async reload(): Promise<ReloadResult> {
    if (this.#stopping) return { ok: true, generation: this.generation, changed: false }
    const first = this.generation === 0
    const result = await this.#turns.ask()
    if (!first) this.#counters.configReloads.series(result.ok ? 'success' : 'failure').inc()
    return result
  }

  /** Load → compile → bind → swap → retire. Any error leaves what serves untouched. */
  async #turn(): Promise<ReloadResult> {
    const result = await this.#load().catch((error: unknown): ReloadResult => {
      if (this.generation === 0) throw error
      // An error of ours, not of the file: what serves goes on.
      this.#log.error({ error }, 'reload failed')
      return { ok: false, diagnostics: [] }
    })
    const at = new Date().toISOString()
    this.#lastReload = result.ok ? { ok: true, at } : { ok: false, at, diagnostics: result.diagnostics }
    if (!result.ok && this.generation === 0) return result
    if (result.ok) this.#log.info({ generation: result.generation, changed: result.changed }, 'configuration loaded')
    else this.#log.error({ diagnostics: result.diagnostics, generation: this.generation }, 'configuration refused')
    return result
  }

  async #load(): Promise<ReloadResult> {
    const { env } = this.#options
    const options = { shownAs: this.#shownAs, ...(env === undefined ? {} : { env }) }
    const loaded = await loadConfig(this.#file, options, this.#catalog)
    this.#document ??= loaded.document
    if (loaded.config === null) return { ok: false, diagnostics: loaded.diagnostics }
    for (const warning of loaded.diagnostics) this.#log.warn({ diagnostic: warning }, warning.message)
    const { config, plugins, document } = loaded
    if (config.hash === this.#current?.hash) return { ok: true, generation: this.generation, changed: false }
    try {
      const number = this.generation + 1
      await this.#serve(await compile({ config, plugins, number }, this.#world, { failed: this.#logFailure }))
      this.#document = document
      return { ok: true, generation: number, changed: true }
    } catch (error) {
      return { ok: false, diagnostics: diagnosticsOf(error, document) }
    }
  }

  /** Binds what is new, swaps, and lets go of what was. */
  async #serve(generation: Generation): Promise<void> {
    const { config } = generation.compiled
    let admin: AdminServer | null
    try {
      await this.#listeners.apply(config)
      // Last: where it stays on its address, the one there is has to go for it.
      admin = await this.#adminFor(config)
    } catch (error) {
      await this.#listeners.abandon()
      await generation.retire(0)
      throw error
    }
    const old = this.#generation
    this.#generation = generation
    this.#current = config
    this.#listeners.settle()
    this.#dropSeries()
    if (this.#admin !== admin) void this.#admin?.close()
    this.#admin = admin
    if (old !== null) this.#retire(old, config.shutdown.deadlineMs)
  }

  #retire(generation: Generation, deadlineMs: number): void {
    const retired = generation.retire(deadlineMs).then(() => {
      this.#retiring.delete(generation)
      // A request that ended on the old generation has counted on its route once more.
      this.#dropSeries()
    })
    this.#retiring.set(generation, retired)
  }

  /** The admin listener that fits the config: the one there is, or a new one that is bound already. */
  async #adminFor(config: Config): Promise<AdminServer | null> {
    const { admin } = config
    const before = this.#current?.admin
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(admin)) return this.#admin
    const { host, port, token, hosts, metricsOpen } = admin
    const view = new GatewayView(this, this.#metrics)
    const server = new AdminServer(view, { hosts, token, metricsOpen, log: this.#log })
    // On the same address the old one has to go first; it finishes what it has begun, this reload's answer included.
    if (before?.host === host && this.#admin?.address.port === port) this.#admin.release()
    await server.listen({ host, port })
    return server
  }

  #dropSeries(): void {
    const { routes, upstreams } = this.current
    this.#metrics.retain('route', new Set(routes.map((route) => route.name)))
    this.#metrics.retain('upstream', new Set(upstreams.map((upstream) => upstream.name)))
  }

  readonly #logFailure = (exchange: { id: string; route: { name: string } | null }, problem: Error): void => {
    const error = problem.cause ?? problem
    this.#log.error({ requestId: exchange.id, route: exchange.route?.name, error }, problem.message)
  }

  /**
   * Stops: not ready at once, new connections still served for `shutdown.delay`, then answers say `Connection: close`,
   * then the listeners close; what is open may finish until the deadline. `hurry` closes them at once.
   */
  async stop(hurry = false): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#watch?.close()
    const { delayMs, deadlineMs } = this.current.shutdown
    this.#log.info({ delayMs: hurry ? 0 : delayMs, deadlineMs }, 'shutting down')
    if (!hurry) {
      if (delayMs > 0) await new Promise((done) => setTimeout(done, delayMs))
      await this.#listeners.drain()
    }
    await this.#listeners.close(deadlineMs)
    await this.#end()
    this.#log.info({}, 'stopped')
  }

  async #end(): Promise<void> {
    this.#watch?.close()
    this.#listeners.destroy()
    await this.#generation?.retire(0)
    await Promise.all(this.#retiring.values())
    await this.#admin?.close()
    await (await this.#echo)?.close()
    this.#memory.close()
  }
}
