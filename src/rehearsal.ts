/** Compiles a config as the gateway would, and lets go of it: what `check` finds beyond the file's own rules. Opens no listener, fetches nothing. */
import type { Diagnostic } from './config/diagnostic.ts'
import type { LoadedConfig } from './config/load.ts'
import { Carry } from './generation/carry.ts'
import { CompileError, compile } from './generation/compile.ts'
import type { CounterFamily, GaugeFamily, HistogramFamily } from './observe/instruments.ts'
import { createLog } from './observe/log.ts'
import { MemoryCounters } from './state/memory-counters.ts'
import { TargetStates } from './upstream/target-states.ts'

/** What would keep the config from serving: options that a plugin refuses in code, a route table that cannot be built. */
export async function rehearse({ config, plugins }: LoadedConfig): Promise<readonly Diagnostic[]> {
  const counters = new MemoryCounters()
  const world = {
    carry: new Carry(),
    log: createLog({ level: 'silent' }),
    metrics: { counter: () => silentCounter, histogram: () => silentHistogram, gauge: () => silentGauge },
    counters,
    rejections: silentCounter,
    targetStates: new TargetStates(),
    name: 'rehearsal',
    // Nothing connects in a rehearsal: any port will do.
    echoPort: async () => 1,
  }
  try {
    const generation = await compile({ config, plugins, number: 0 }, world, { failed: () => {} })
    await generation.retire(0)
    return []
  } catch (error) {
    if (error instanceof CompileError) return error.diagnostics
    throw error
  } finally {
    counters.close()
  }
}

const silentCounter: CounterFamily = { series: () => ({ inc: () => {} }) }
const silentHistogram: HistogramFamily = { series: () => ({ observe: () => {} }) }
const silentGauge: GaugeFamily = { set: () => {} }
