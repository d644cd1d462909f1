/** An access log decided about again, under another config, on the log's own clock. */

import type { Config } from '../config/config.ts'
import type { LoadedConfig } from '../config/load.ts'
import { duration } from '../config/units.ts'
import { DescriptionError } from '../explain/described-request.ts'
import { Rehearsal } from '../explain/rehearsal.ts'
import { Describer } from './described.ts'
import { differenceOf } from './difference.ts'
import { InOrder, type TimedLine } from './in-order.ts'
import { type Line, linesOf } from './lines.ts'
import { cacheKeyOf, loggedOutcome, type Outcome, reachedCache, rehearsedOutcome } from './outcome.ts'
import { PossibleHits } from './possible-hits.ts'
import { type LogRecord, readRecord, timeOf } from './record.ts'
import { type Group, Tally } from './tally.ts'

export interface ReplayResult {
  /** Lines of the log. */
  readonly lines: number
  /** Requests that were decided about again. */
  readonly requests: number
  /** How many of them end otherwise. */
  readonly changed: number
  readonly from: string | null
  readonly to: string | null
  readonly groups: readonly Group[]
  /** Lines that are none of an access log, and the first of them. */
  readonly foreign: { readonly count: number; readonly lines: readonly number[] }
  /** Requests whose end no config decides: broken connections, bodies, a gateway that was stopping. */
  readonly undecided: number
  /** Requests of a split route of which the log does not tell which side they take. */
  readonly sideUnknown: number
}

const MOST_SHOWN = 5

/** Rejects with CompileError, and with Node's error where the log cannot be read. */
export async function replay(log: AsyncIterable<Buffer>, loaded: LoadedConfig): Promise<ReplayResult> {
  const run = await Replay.open(loaded)
  try {
    for await (const lines of linesOf(log)) await run.read(lines)
    return await run.end()
  } finally {
    await run.close()
  }
}

class Replay {
  readonly #rehearsal: Rehearsal
  readonly #describer: Describer
  readonly #clock: { now: number }
  readonly #kept: ReadonlyMap<string, number>
  readonly #order = new InOrder()
  readonly #tally = new Tally()
  readonly #hits = new PossibleHits()
  readonly #foreign: number[] = []
  #foreignCount = 0
  #lines = 0
  #requests = 0
  #changed = 0
  #undecided = 0
  #sideUnknown = 0
  #from: number | null = null

  static async open(loaded: LoadedConfig): Promise<Replay> {
    const clock = { now: 0 }
    return new Replay(await Rehearsal.open(loaded, { now: () => clock.now }), loaded.config, clock)
  }

  private constructor(rehearsal: Rehearsal, config: Config, clock: { now: number }) {
    this.#rehearsal = rehearsal
    this.#describer = new Describer(config)
    this.#clock = clock
    this.#kept = keptByRoute(config)
  }

  async read(lines: readonly Line[]): Promise<void> {
    for (const line of lines) {
      this.#lines++
      const time = timeOf(line)
      if (Number.isNaN(time)) this.#noteForeign(line.number)
      else for (const due of this.#order.add({ ...line, time })) await this.#decide(due)
    }
  }

  async end(): Promise<ReplayResult> {
    for (const due of this.#order.rest()) await this.#decide(due)
    return {
      lines: this.#lines,
      requests: this.#requests,
      changed: this.#changed,
      from: this.#from === null ? null : new Date(this.#from).toISOString(),
      to: this.#from === null ? null : new Date(this.#clock.now).toISOString(),
      groups: this.#tally.groups,
      foreign: { count: this.#foreignCount, lines: this.#foreign.sort((one, other) => one - other) },
      undecided: this.#undecided,
      sideUnknown: this.#sideUnknown,
    }
  }

  close(): Promise<void> {
    return this.#rehearsal.close()
  }

  async #decide(line: TimedLine): Promise<void> {
    const record = readRecord(line)
    if (record === null) {
      this.#noteForeign(line.number)
      return
    }
    this.#from ??= record.time
    // The clock of limits never goes back.
    this.#clock.now = Math.max(this.#clock.now, record.time)
    const after = await this.#rehearse(record)
    const before = loggedOutcome(record)
    if (after === null || before === null) {
      this.#undecided++
      return
    }
    this.#requests++
    const kind = differenceOf(before, after) ?? (this.#mayHit(record, before, after) ? 'hit-gained' : null)
    if (kind === null && before.fate === 'forwarded' && after.upstreams.length > 1) this.#sideUnknown++
    if (kind === null) return
    this.#changed++
    this.#tally.add(kind, record, { before, after })
  }

  /** Null: the record describes no request, such as one that was refused for what it was. */
  async #rehearse(record: LogRecord): Promise<Outcome | null> {
    try {
      return rehearsedOutcome(await this.#rehearsal.decide(this.#describer.describe(record)), record)
    } catch (error) {
      if (error instanceof DescriptionError) return null
      throw error
    }
  }

  /** A cache where there was none. What an origin says about keeping its answers is not in the log. */
  #mayHit({ time }: LogRecord, before: Outcome, after: Outcome): boolean {
    if (before.fromCache || before.fate !== 'forwarded' || after.fate !== 'forwarded') return false
    const keptMs = this.#kept.get(after.route ?? '')
    if (keptMs === undefined) return false
    const key = cacheKeyOf(after)
    return key !== null && !reachedCache(before) && this.#hits.ask(key, time, keptMs)
  }

  #noteForeign(line: number): void {
    this.#foreignCount++
    if (this.#foreign.length < MOST_SHOWN) this.#foreign.push(line)
  }
}

function keptByRoute({ routes }: Config): ReadonlyMap<string, number> {
  const kept = new Map<string, number>()
  for (const { name, chain } of routes) {
    const cache = chain.find((item) => item.kind === 'plugin' && item.plugin.name === 'cache')
    const ttl = cache?.kind === 'plugin' ? cache.options['ttl'] : undefined
    if (typeof ttl === 'string') kept.set(name, duration(ttl))
  }
  return kept
}
