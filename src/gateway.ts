/** The gateway: loads a config, serves it, reloads it, stops. What the command line and the tests use. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { AdminServer } from './admin/server.ts'
import type { AdminSource, GatewayStatus, ReloadResult } from './admin/source.ts'
import { type Echo, startEcho } from './builtin/echo.ts'
import type { Config } from './config/config.ts'
import type { Diagnostic } from './config/diagnostic.ts'
import { type LoadResult, loadConfig, redactedSource } from './config/load.ts'
import { PluginCatalog } from './config/plugin-catalog.ts'
import { Carry } from './generation/carry.ts'
import { CompileError, compile, type World } from './generation/compile.ts'
import type { Generation } from './generation/generation.ts'
import { FileWatch } from './generation/watch.ts'
import { ListenerSet } from './listener/listener-set.ts'
import { type GatewayCounters, gatewayMetrics } from './observe/gateway-metrics.ts'
import { createLog } from './observe/log.ts'
import { Metrics } from './observe/metrics.ts'
import type { Log } from './plugin.ts'
import { MemoryCounters } from './state/memory-counters.ts'
import type { Target } from './upstream/target.ts'

export interface GatewayOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly log?: Log
  /** Reload when the file changes. */
  readonly watch?: boolean
}

/** Starting failed: the file says why. */
export class ConfigError extends Error {
  readonly diagnostics: readonly Diagnostic[]
  readonly document: LoadResult['document']

  constructor(diagnostics: readonly Diagnostic[], document: LoadResult['document']) {
    super('the configuration has errors')
    this.diagnostics = diagnostics
    this.document = document
  }
}

interface Loaded {
  readonly config: Config
  readonly redacted: string
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

export class Gateway implements AdminSource {
  readonly #file: string
  readonly #options: GatewayOptions
  readonly #log: Log
  readonly #carry = new Carry()
  readonly #metrics = new Metrics()
  readonly #catalog = new PluginCatalog()
  readonly #world: World
  readonly #counters: GatewayCounters
  readonly #listeners: ListenerSet
  readonly #startedAt = new Date()
  #generation: Generation | null = null
  #loaded: Loaded | null = null
  #document: LoadResult['document'] | null = null
  #retiring = new Set<Promise<void>>()
  #admin: AdminServer | null = null
  #watch: FileWatch | null = null
  #echo: Promise<Echo> | null = null
  #generations = 0
  #requests = 0
  #stopping = false
  #running: Promise<ReloadResult> | null = null
  #next: Promise<ReloadResult> | null = null
  #lastReload: GatewayStatus['lastReload'] = { ok: true, at: new Date().toISOString() }

  /** Loads the file, compiles it and listens. Rejects with ConfigError, or with Node's error for an address in use. */
  static async start(file: string, options: GatewayOptions = {}): Promise<Gateway> {
    const gateway = new Gateway(resolve(file), options)
    try {
      await gateway.#start()
    } catch (error) {
      await gateway.#end()
      throw error
    }
    return gateway
  }

  private constructor(file: string, options: GatewayOptions) {
    this.#file = file
    this.#options = options
    this.#log = options.log ?? createLog()
    this.#listeners = new ListenerSet({
      request: (raw, response, meta) => {
        this.#requests++
        this.#generation!.handle(raw, response, meta)
      },
    })
    this.#counters = gatewayMetrics(this.#metrics, {
      lastReloadSuccessful: () => this.#lastReload.ok,
      configHash: () => this.#loaded?.config.hash ?? '',
      inflightRequests: () => this.#generation?.openExchanges ?? 0,
      connections: () => this.#listeners.connections(),
      upstreamConnections: () => this.#upstreamConnections(),
      certificates: () => this.#listeners.certificates(),
    })
    this.#world = {
      carry: this.#carry,
      log: this.#log,
      metrics: this.#metrics,
      counters: new MemoryCounters(),
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
    const { admin } = this.current
    this.#admin = new AdminServer(this, {
      hosts: admin.hosts,
      token: admin.token,
      metricsOpen: admin.metricsOpen,
      log: this.#log,
    })
    await this.#admin.listen(admin)
    if (this.#options.watch === true) this.#watch = new FileWatch(this.#file, () => void this.#reloadOnChange())
  }

  get current(): Config {
    if (this.#loaded === null) throw new Error('no config is loaded')
    return this.#loaded.config
  }

  get adminAddress(): { readonly host: string; readonly port: number } {
    return this.#admin!.address
  }

  /** Where each listener is bound, by name. */
  get addresses(): ReadonlyMap<
    string,
    { readonly protocol: 'http' | 'https'; readonly host: string; readonly port: number }
  > {
    return this.#listeners.addresses
  }

  /** Objects that survive reloads, held at present: for leak tests. */
  get carried(): number {
    return this.#carry.size
  }

  async #reloadOnChange(): Promise<void> {
    if (!this.#stopping) await this.reload()
  }

  /** Joins a reload that has not read the file yet, so that the file as it is now is what serves afterwards. */
  reload(): Promise<ReloadResult> {
    if (this.#running === null) {
      this.#running = this.#turn().finally(() => {
        this.#running = null
      })
      return this.#running
    }
    this.#next ??= this.#running.then(() => {
      this.#next = null
      return this.reload()
    })
    return this.#next
  }

  /** Load → compile → bind → swap → retire. Any error leaves what serves untouched. */
  async #turn(): Promise<ReloadResult> {
    const result = await this.#tryTurn()
    const at = new Date().toISOString()
    this.#lastReload = result.ok ? { ok: true, at } : { ok: false, at, diagnostics: result.diagnostics }
    if (this.#generations > 1 || !result.ok)
      this.#counters.configReloads.series(result.ok ? 'success' : 'failure').inc()
    if (result.ok) this.#log.info({ generation: result.generation, changed: result.changed }, 'configuration loaded')
    else
      this.#log.error(
        { diagnostics: result.diagnostics, generation: this.#generation?.number },
        'configuration refused',
      )
    return result
  }

  async #tryTurn(): Promise<ReloadResult> {
    const loaded = await loadConfig(this.#file, this.#options.env === undefined ? {} : { env: this.#options.env }, this.#catalog)
    this.#document = loaded.document
    if (loaded.config === null) return { ok: false, diagnostics: loaded.diagnostics }
    for (const warning of loaded.diagnostics) this.#log.warn({ diagnostic: warning }, warning.message)
    const { config, plugins } = loaded
    if (config.hash === this.#loaded?.config.hash)
      return { ok: true, generation: this.#generation!.number, changed: false }
    try {
      const number = this.#generations + 1
      const events = { failed: this.#logFailure }
      const generation = await compile({ config, plugins, number }, this.#world, events)
      try {
        await this.#listeners.apply(config)
      } catch (error) {
        await generation.retire(0)
        throw error
      }
      this.#swap(generation, { config, redacted: redactedSource(loaded.document) })
      return { ok: true, generation: number, changed: true }
    } catch (error) {
      return { ok: false, diagnostics: this.#explain(error, config) }
    }
  }

  #swap(generation: Generation, loaded: Loaded): void {
    const old = this.#generation
    const { config } = loaded
    this.#generations = generation.number
    this.#generation = generation
    this.#loaded = loaded
    this.#listeners.settle()
    this.#metrics.retain('route', new Set(['_none', ...config.routes.map((route) => route.name)]))
    this.#metrics.retain('upstream', new Set(config.upstreams.map((upstream) => upstream.name)))
    if (old === null) return
    const retiring: Promise<void> = old
      .retire(config.shutdown.deadlineMs)
      .finally(() => this.#retiring.delete(retiring))
    this.#retiring.add(retiring)
  }

  readonly #logFailure = (exchange: { id: string; route: { name: string } | null }, problem: Error): void => {
    this.#log.error(
      { requestId: exchange.id, route: exchange.route?.name, error: problem.cause ?? problem },
      problem.message,
    )
  }

  #explain(error: unknown, config: Config): readonly Diagnostic[] {
    if (error instanceof CompileError) return error.diagnostics
    const at = { file: config.file, line: 1, column: 1, endColumn: 1 }
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL') {
      return [{ code: 'address-taken', severity: 'error', at, path: 'listen', message }]
    }
    throw error
  }

  /**
   * Stops: not ready at once, new connections still served for `shutdown.delay`, then answers say `Connection: close`,
   * then the listeners close; what is open may finish until the deadline. `hurry` leaves the delay out.
   */
  async stop(hurry = false): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#watch?.close()
    const { delayMs, deadlineMs } = this.current.shutdown
    this.#log.info({ delayMs: hurry ? 0 : delayMs, deadlineMs }, 'shutting down')
    if (!hurry && delayMs > 0) await new Promise((done) => setTimeout(done, delayMs))
    await this.#listeners.close(deadlineMs)
    await this.#end()
    this.#log.info({}, 'stopped')
  }

  async #end(): Promise<void> {
    this.#watch?.close()
    this.#listeners.destroy()
    await this.#generation?.retire(0)
    await Promise.all(this.#retiring)
    await this.#admin?.close()
    await (await this.#echo)?.close()
  }

  // What the admin listener shows

  status(): GatewayStatus {
    const generation = this.#generation?.number ?? 0
    return {
      version,
      node: process.version,
      generation,
      configHash: this.current.hash,
      configFile: this.#file,
      startedAt: this.#startedAt.toISOString(),
      uptime: Math.round((Date.now() - this.#startedAt.getTime()) / 1000),
      threads: this.current.threads,
      workers: [{ id: 1, generation, requests: this.#requests }],
      lastReload: this.#lastReload,
    }
  }

  routes(): readonly object[] {
    return this.current.routes.map(({ name, match, action, chain, public: reason, at }) => ({
      name,
      on: match.on,
      hosts: match.hosts,
      paths: match.paths.map((pattern) => pattern.text),
      methods: match.methods,
      upstream: action.kind === 'forward' ? action.upstream : null,
      action: action.kind,
      plugins: chain.map((item) => (item.kind === 'any' ? 'any' : item.plugin.name)),
      public: reason ?? null,
      line: at.line,
    }))
  }

  config(): string {
    return this.#loaded!.redacted
  }

  ready(): boolean {
    return this.#generation !== null && !this.#stopping
  }

  async metrics(): Promise<{ contentType: string; text: string }> {
    await this.#listeners.count()
    return { contentType: this.#metrics.contentType, text: await this.#metrics.text() }
  }

  *#upstreamConnections(): Generator<readonly [string, string, number]> {
    const totals = new Map<string, { active: number; idle: number; connecting: number }>()
    for (const target of this.#carry.values<Target>('target ')) {
      const total = totals.get(target.upstream) ?? { active: 0, idle: 0, connecting: 0 }
      const { active, idle, pending } = target.pool.stats
      total.active += active
      total.idle += idle
      total.connecting += pending
      totals.set(target.upstream, total)
    }
    for (const [upstream, states] of totals)
      for (const [state, count] of Object.entries(states)) yield [upstream, state, count]
  }
}
