/** The gateway: loads a config, has it served, reloads it, stops. What the command line and the tests use. */
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GatewayStatus, ReloadResult } from './admin/source.ts'
import { EchoOnDemand } from './builtin/echo-on-demand.ts'
import { collectingGently } from './collections.ts'
import type { Config } from './config/config.ts'
import { PluginCatalog } from './config/plugin-catalog.ts'
import { concealer } from './config/secrets.ts'
import { concealed } from './explain/concealed.ts'
import type { DescribedRequest } from './explain/described-request.ts'
import type { ExplainAnswer } from './explain/question.ts'
import { AdminPlace } from './gateway-admin.ts'
import { ConfigError, diagnosticsOf, speaksOfParts } from './gateway-errors.ts'
import { GatewayView, type Viewed } from './gateway-view.ts'
import { Turns } from './generation/turns.ts'
import { FileWatch } from './generation/watch.ts'
import { ConfigLoader } from './loading/loader.ts'
import { configMetrics } from './observe/gateway-metrics.ts'
import type { CounterFamily } from './observe/instruments.ts'
import { createLog, type LineDestination, type LogOptions, standardError } from './observe/log.ts'
import { Metrics } from './observe/metrics.ts'
import type { Log } from './plugin.ts'
import type { Addresses, Commands, Questions, Server, WorkerStatus } from './serving/server.ts'
import { ServedTargets } from './serving/targets.ts'
import type { Purge } from './state/purges.ts'
import { HealthChecks } from './upstream/health-checks.ts'
import { noticeOf } from './upstream/verdict-notice.ts'
import { checkThreads, ownIdentity, serverOf, type ThreadBounds } from './workers/choice.ts'
import { threadsOf } from './workers/threads.ts'

export interface GatewayOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly log?: Pick<LogOptions, 'level' | 'destination'>
  /** Reload when the file changes. */
  readonly watch?: boolean
  /** Asked once: whether another gateway serves the addresses of this config, and is to leave when this one serves. */
  readonly beside?: (config: Config) => Promise<boolean>
  /** How many threads serve, whatever the file says. */
  readonly threads?: number
  readonly threadBounds?: ThreadBounds
}

export class Gateway implements Viewed {
  readonly #options: GatewayOptions
  readonly #lines: LineDestination
  readonly #log: Log
  readonly #metrics = new Metrics()
  readonly #catalog = new PluginCatalog()
  readonly #loader: ConfigLoader
  readonly #reloads: CounterFamily
  readonly #admin: AdminPlace
  readonly targets: ServedTargets
  readonly isStuck = (): boolean => this.#server?.isStuck === true
  readonly #health = new HealthChecks({
    turned: (verdict) => void this.tell('target-state', noticeOf(verdict, this.#log)),
    forgotten: (upstream, target) => void this.tell('target-state', { upstream, target, up: true }),
  })
  readonly #turns = new Turns(() => this.#turn())
  /** There from the first config on: that says how many threads it has. */
  #server: Server | null = null
  #generation = 0
  #current: Config | null = null
  /** The text of the file as it may be shown, in gzip. */
  redacted: Uint8Array = new Uint8Array()
  /** Shows what placeholders of the file stand for as the placeholders. */
  #conceal: (text: string) => string = (text) => text
  #watch: FileWatch | null = null
  readonly #echo = new EchoOnDemand()
  #stopping = false
  /** The end that has begun: a signal during it waits for it. */
  #stopped: Promise<void> | null = null
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
    this.#options = options
    const { env = process.env } = options
    this.#loader = new ConfigLoader(resolve(file), { shownAs: file, env }, this.#catalog)
    this.#lines = options.log?.destination ?? standardError()
    this.#log = createLog({ ...options.log, destination: this.#lines })
    this.#reloads = configMetrics(this.#metrics, {
      lastReloadSuccessful: () => this.#lastReload.ok,
      configHash: () => this.#current?.hash ?? '',
    })
    this.targets = new ServedTargets({ server: this, current: () => this.current, log: this.#log })
    this.#admin = new AdminPlace(new GatewayView(this, this.#metrics), this.#log)
  }

  async #start(): Promise<void> {
    const started = Promise.withResolvers<void>()
    // From before the file is read: what changes while this starts is loaded as soon as it has started.
    if (this.#options.watch === true) this.#watch = new FileWatch(() => void started.promise.then(() => this.reload()))
    await this.#watch?.follow([this.#loader.file])
    const result = await this.#turn()
    if (!result.ok) throw new ConfigError(result.diagnostics, await this.#loader.excerpts())
    started.resolve()
  }

  get current(): Config {
    if (this.#current === null) throw new Error('no config is loaded')
    return this.#current
  }

  get generation(): number {
    return this.#generation
  }

  get workers(): readonly WorkerStatus[] {
    return this.#server?.workers ?? []
  }

  get lastReload(): GatewayStatus['lastReload'] {
    return this.#lastReload
  }

  get isReady(): boolean {
    return this.#server?.isCurrent === true && !this.#stopping
  }

  get adminAddress(): { readonly host: string; readonly port: number } {
    return this.#admin.address
  }

  /** Where each listener is bound, by name. */
  get addresses(): Addresses {
    return this.#server!.addresses
  }

  async refresh(): Promise<void> {
    await this.#server?.refresh()
  }

  /** Forgets kept answers in everything that serves, and in all gateways that share the store. */
  async purge(purge: Purge): Promise<{ forgotten: number; toldFleet: boolean }> {
    const answers = await this.ask('purge', purge)
    // Every thread has a copy of what any of them keeps.
    const forgotten = Math.max(0, ...answers.map((answer) => answer.forgotten))
    return { forgotten, toldFleet: answers.every(({ toldFleet }) => toldFleet) }
  }

  /** Tells everything that serves, now and later. */
  tell<Name extends keyof Commands>(name: Name, command: Commands[Name]): Promise<void> {
    return this.#server!.tell(name, command)
  }

  /** Asks everything that serves. */
  ask<Name extends keyof Questions>(
    name: Name,
    question: Questions[Name]['takes'],
  ): Promise<Questions[Name]['answer'][]> {
    return this.#server!.ask(name, question)
  }

  /** What would happen to a request now: one of those that serve is asked. */
  async explain(request: DescribedRequest): Promise<ExplainAnswer> {
    const [answer] = await this.ask('explain', request)
    if (answer === undefined) throw new Error('nobody serves')
    return concealed(answer, this.#conceal)
  }

  /** Reads the file as it is after this call, and resolves when it serves, or with what is wrong with it. */
  async reload(): Promise<ReloadResult> {
    if (this.#stopping) return { ok: true, generation: this.generation, changed: false }
    const first = this.generation === 0
    const result = await this.#turns.ask()
    if (!first) this.#reloads.series(result.ok ? 'success' : 'failure').inc()
    return result
  }

  /** Load → compile → bind → swap → retire. Any error leaves what serves untouched. */
  async #turn(): Promise<ReloadResult> {
    // Not at the start: nobody waits, and V8 keeps compiled code apart by its flags.
    using _gently = this.generation === 0 ? null : collectingGently()
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
    await this.#watch?.pass()
    if (this.#stopping) return { ok: true, generation: this.generation, changed: false }
    const { verdict, warnings, files, places } = await this.#loader.check()
    void this.#watch?.follow(files)
    for (const warning of warnings) this.#log.warn({ diagnostic: warning }, warning.message)
    if (verdict.kind === 'unchanged' || this.#stopping) return { ok: true, generation: this.generation, changed: false }
    if (verdict.kind === 'refused') return { ok: false, diagnostics: verdict.diagnostics }
    try {
      await this.#serve(verdict.config)
    } catch (error) {
      if (speaksOfParts(error) && this.#loader.beginAfresh()) return this.#load()
      return { ok: false, diagnostics: diagnosticsOf(error, places) }
    }
    this.#loader.serves(verdict)
    this.redacted = verdict.redacted
    this.#conceal = concealer(verdict.interpolated)
    return { ok: true, generation: this.generation, changed: true }
  }

  /** Prepares everything that can fail, then swaps. */
  async #serve(config: Config): Promise<void> {
    const server = this.#serverOf(config)
    const number = this.#generation + 1
    const beside = number === 1 && (await this.#options.beside?.(config)) === true
    const echoPort = await this.#echo.portFor(config.outline)
    await server.prepare({ config, number, echoPort, beside })
    try {
      // Last: where it stays on its address, the one there is has to go for it.
      await this.#admin.prepare(config.admin, { beside })
    } catch (error) {
      await server.abandon()
      throw error
    }
    this.#generation = number
    this.#current = config
    this.#admin.commit()
    await server.commit()
    this.#health.apply(config, echoPort)
  }

  /** Made for the first config; a later one may not want another number of threads. */
  #serverOf(config: Config): Server {
    const { threads = threadsOf(config), log: { level = 'info' } = {}, threadBounds } = this.#options
    const parts = { log: this.#log, lines: this.#lines, level, metrics: this.#metrics, catalog: this.#catalog }
    if (this.#server !== null) checkThreads(this.#server, threads)
    this.#server ??= serverOf(threads, { ...parts, ...ownIdentity(), ...threadBounds })
    return this.#server
  }

  /**
   * Stops: not ready at once, new connections still served for `shutdown.delay`, then answers say `Connection: close`,
   * then the listeners close; what is open may finish until the deadline. `hurry` closes them at once.
   */
  stop(hurry = false): Promise<void> {
    this.#stopped ??= this.#stop(hurry)
    return this.#stopped
  }

  async #stop(hurry: boolean): Promise<void> {
    this.#stopping = true
    const { delayMs, deadlineMs } = this.current.shutdown
    this.#log.info({ delayMs: hurry ? 0 : delayMs, deadlineMs }, 'shutting down')
    if (!hurry && delayMs > 0) await new Promise((done) => setTimeout(done, delayMs))
    if (!hurry) await this.#server!.drain()
    await this.#finish()
  }

  /** Another gateway serves the same addresses from now on: like `stop`, without a delay, and without an admin listener. */
  leave(): Promise<void> {
    this.#stopped ??= this.#leave()
    return this.#stopped
  }

  async #leave(): Promise<void> {
    this.#stopping = true
    this.#log.info({}, 'leaving to the gateway that takes over')
    // Not waited for: whoever still reads from it must not hold up the listeners.
    void this.#admin.close()
    await this.#server!.drain()
    await this.#finish()
  }

  async #finish(): Promise<void> {
    const { deadlineMs } = this.current.shutdown
    void this.#loader.close()
    // A reload that is under way ends first: what it opens has to be closed.
    await Promise.race([this.#turns.settled, sleep(deadlineMs, undefined, { ref: false })])
    await this.#server!.close(deadlineMs)
    await this.#end()
    this.#log.info({}, 'stopped')
  }

  async #end(): Promise<void> {
    this.#watch?.close()
    this.#health.close()
    await Promise.all([this.#loader.close(), this.#server?.end()])
    await this.#admin.close()
    await this.#echo.close()
  }
}
