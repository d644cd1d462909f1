/**
 * A gateway that compiles a config and decides about described requests as it would about real ones. It opens no listener,
 * connects to nothing and fetches nothing; what it counts is its own.
 */
import type { Diagnostic } from '../config/diagnostic.ts'
import type { LoadedConfig } from '../config/load.ts'
import { Carry } from '../generation/carry.ts'
import { CompileError, compile } from '../generation/compile.ts'
import type { DryRun } from '../generation/dry-run.ts'
import type { Generation } from '../generation/generation.ts'
import type { CounterFamily, GaugeFamily, HistogramFamily } from '../observe/instruments.ts'
import { createLog } from '../observe/log.ts'
import { MemoryCounters } from '../state/memory-counters.ts'
import { MemoryInFlight } from '../state/memory-in-flight.ts'
import { TargetStates } from '../upstream/target-states.ts'
import { arrivalOf, type DescribedRequest } from './described-request.ts'

export interface RehearsalOptions {
  /** The clock of limits, in milliseconds; never goes back. */
  readonly now?: () => number
}

export class Rehearsal {
  readonly #generation: Generation
  readonly #counters: RehearsedCounters

  /** Compiles a config. Rejects with CompileError. */
  static async open({ config, plugins }: LoadedConfig, options: RehearsalOptions = {}): Promise<Rehearsal> {
    const counters = new RehearsedCounters(options)
    const world = { ...silentWorld(), counters }
    try {
      const generation = await compile({ config, plugins, number: 0 }, world, { failed: () => {} })
      return new Rehearsal(generation, counters)
    } catch (error) {
      counters.close()
      throw error
    }
  }

  private constructor(generation: Generation, counters: RehearsedCounters) {
    this.#generation = generation
    this.#counters = counters
  }

  /** Decides about one request; limits count it. Rejects with DescriptionError. */
  async run(request: DescribedRequest): Promise<DryRun> {
    return this.#generation.dryRun(arrivalOf(request, this.#generation.compiled))
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
    const rehearsal = await Rehearsal.open(loaded)
    await rehearsal.close()
    return []
  } catch (error) {
    if (error instanceof CompileError) return error.diagnostics
    throw error
  }
}

/** In a dry run limits only read. Here a read is a hit: nobody else's limits are touched, and the next run finds it counted. */
class RehearsedCounters extends MemoryCounters {
  #epoch = 0

  forget(): void {
    this.#epoch++
  }

  override read(...[limit, ...hit]: Parameters<MemoryCounters['read']>): void {
    this.increment({ ...limit, counter: `${this.#epoch} ${limit.counter}` }, ...hit)
  }
}

function silentWorld() {
  return {
    carry: new Carry(),
    log: createLog({ level: 'silent' }),
    metrics: { counter: () => silentCounter, histogram: () => silentHistogram, gauge: () => silentGauge },
    inFlight: new MemoryInFlight(),
    rejections: silentCounter,
    targetStates: new TargetStates(),
    name: 'sluice',
    // Nothing connects in a rehearsal: any port will do.
    echoPort: async () => 1,
  }
}

const silentCounter: CounterFamily = { series: () => ({ inc: () => {} }) }
const silentHistogram: HistogramFamily = { series: () => ({ observe: () => {} }) }
const silentGauge: GaugeFamily = { set: () => {} }
