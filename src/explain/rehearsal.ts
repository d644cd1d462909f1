/**
 * A gateway that compiles a config and decides about described requests as it would about real ones. It opens no listener,
 * connects to nothing and fetches nothing; what it counts is its own.
 */
import type { Diagnostic } from '../config/diagnostic.ts'
import type { LoadedConfig } from '../config/load.ts'
import { concealer } from '../config/secrets.ts'
import { Carry } from '../generation/carry.ts'
import { compile } from '../generation/compile.ts'
import { CompileError } from '../generation/compile-error.ts'
import type { DryRun } from '../generation/dry-run.ts'
import type { Generation } from '../generation/generation.ts'
import { OpenTunnels } from '../generation/open-tunnels.ts'
import { tryLazyItems } from '../generation/trial.ts'
import type { CounterFamily, GaugeFamily, HistogramFamily } from '../observe/instruments.ts'
import { createLog } from '../observe/log.ts'
import type { Limit } from '../state/counters.ts'
import { MemoryCounters } from '../state/memory-counters.ts'
import { MemoryInFlight } from '../state/memory-in-flight.ts'
import { Purges } from '../state/purges.ts'
import { TargetStates } from '../upstream/target-states.ts'
import { concealed } from './concealed.ts'
import { arrivalOf, type DescribedRequest } from './described-request.ts'
import { type Explanation, explain } from './explanation.ts'
import { inTime } from './in-time.ts'

export interface RehearsalOptions {
  /** The clock of limits, in milliseconds; never goes back. */
  readonly now?: () => number
  /** Starts Fastify packages too, to see whether they would: they are not part of any decision. */
  readonly startsPackages?: boolean
}

export class Rehearsal {
  readonly #generation: Generation
  readonly #counters: RehearsedCounters
  readonly #conceal: (text: string) => string

  /** Compiles a config. Rejects with CompileError. */
  static async open(loaded: LoadedConfig, options: RehearsalOptions = {}): Promise<Rehearsal> {
    const { config, plugins, interpolated } = loaded
    const counters = new RehearsedCounters(options)
    const world = { ...silentWorld(), counters, ...(options.startsPackages === true ? {} : { serves: false as const }) }
    try {
      const generation = await compile({ config, plugins, number: 0 }, world, { failed: () => {} })
      return new Rehearsal(generation, counters, concealer(interpolated))
    } catch (error) {
      counters.close()
      throw error
    }
  }

  private constructor(generation: Generation, counters: RehearsedCounters, conceal: (text: string) => string) {
    this.#generation = generation
    this.#counters = counters
    this.#conceal = conceal
  }

  /** Decides about one request; limits count it. Rejects with DescriptionError. */
  async run(request: DescribedRequest): Promise<DryRun> {
    return this.#generation.dryRun(arrivalOf(request, this.#generation.compiled))
  }

  /** The same without what would become of an upstream's answer, for whoever decides about many. */
  async decide(request: DescribedRequest): Promise<DryRun> {
    return this.#generation.dryRun({ ...arrivalOf(request, this.#generation.compiled), decisionOnly: true })
  }

  /** The same in full, every secret of the config as its placeholder. Rejects with DescriptionError. */
  async explain(request: DescribedRequest): Promise<Explanation> {
    return this.shown(explain(request, await inTime(this.run(request)), this.#generation.compiled))
  }

  /** Texts of the config's secrets replaced by their placeholders. */
  shown<Value>(value: Value): Value {
    return concealed(value, this.#conceal)
  }

  /** Request parts that carry secrets, as the plugins say: `header:x-api-key`. */
  get secrets(): ReadonlySet<string> {
    return this.#generation.compiled.secrets
  }

  /** Forgets what was counted. */
  forget(): void {
    this.#counters.forget()
  }

  async close(): Promise<void> {
    await this.#generation.retire(0)
    this.#counters.close()
  }
}

/** What would keep a config from serving: options that a plugin refuses in code, a route table that cannot be built. */
export async function rehearse(loaded: LoadedConfig): Promise<readonly Diagnostic[]> {
  try {
    const rehearsal = await Rehearsal.open(loaded, { startsPackages: true })
    await rehearsal.close()
    return []
  } catch (error) {
    if (error instanceof CompileError) return error.diagnostics
    throw error
  }
}

/** What lazy plugins have against their options: nobody else sets them up before a request comes. */
export function refusedOptions({ config, plugins }: LoadedConfig): readonly Diagnostic[] {
  const counters = new RehearsedCounters({})
  try {
    return tryLazyItems({ config, plugins }, { ...silentWorld(), counters })
  } finally {
    counters.close()
  }
}

/** In a dry run limits only read. Here a read is a hit: nobody else's limits are touched, and the next run finds it counted. */
class RehearsedCounters extends MemoryCounters {
  #epoch = 0
  readonly #limits = new Map<Limit, Limit>()

  forget(): void {
    this.#epoch++
    this.#limits.clear()
  }

  override read(...[limit, ...hit]: Parameters<MemoryCounters['read']>): void {
    this.increment(this.#limits.get(limit) ?? this.#sinceForgotten(limit), ...hit)
  }

  #sinceForgotten(limit: Limit): Limit {
    const renewed = { ...limit, counter: `${this.#epoch} ${limit.counter}` }
    this.#limits.set(limit, renewed)
    return renewed
  }
}

function silentWorld() {
  return {
    carry: new Carry(),
    log: createLog({ level: 'silent' }),
    metrics: { counter: () => silentCounter, histogram: () => silentHistogram, gauge: () => silentGauge },
    inFlight: new MemoryInFlight(),
    rejections: silentCounter,
    retries: silentCounter,
    targetStates: new TargetStates(),
    tunnels: new OpenTunnels(),
    name: 'sluice',
    openStore: null,
    purges: new Purges(),
    siblings: null,
    // Nothing connects in a rehearsal: any port will do.
    echoPort: async () => 1,
  }
}

const silentCounter: CounterFamily = { series: () => ({ inc: () => {} }) }
const silentHistogram: HistogramFamily = { series: () => ({ observe: () => {} }) }
const silentGauge: GaugeFamily = { set: () => {} }
