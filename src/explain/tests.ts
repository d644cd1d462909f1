/** Runs the `tests` of a config: each on its own, with fresh counters, against what the gateway would decide. */
import type { TestConfig } from '../config/config.ts'
import type { Diagnostic, Position } from '../config/diagnostic.ts'
import { pathText } from '../config/document.ts'
import type { LoadedConfig } from '../config/load.ts'
import { CompileError } from '../generation/compile-error.ts'
import type { DryRun } from '../generation/dry-run.ts'
import { DescriptionError } from './described-request.ts'
import { type Comparison, compare } from './expectation.ts'
import { decidedBy } from './explanation.ts'
import { inTime } from './in-time.ts'
import { Rehearsal } from './rehearsal.ts'

/** As `sluice check --json` shows it. */
export interface TestResult {
  readonly name: string
  readonly ok: boolean
  /** What the test names, and nothing else. */
  readonly expected: Readonly<Record<string, unknown>>
  /** The same keys; or `error`: why there is nothing to compare. */
  readonly actual: Readonly<Record<string, unknown>>
  readonly at: Position
}

export interface TestRun {
  readonly results: readonly TestResult[]
  /** One for each expectation that is not met. */
  readonly diagnostics: readonly Diagnostic[]
}

/** Requests decided between two turns of the event loop: a gateway that serves may run tests before it reloads. */
const SLICE = 50

/** Rejects with CompileError. */
export async function runTests(loaded: LoadedConfig): Promise<TestRun> {
  if (loaded.config.tests.length === 0) return { results: [], diagnostics: [] }
  const rehearsal = await Rehearsal.open(loaded)
  try {
    const run = new Run(rehearsal, loaded)
    for (const test of loaded.config.tests) await run.add(test)
    return run
  } finally {
    await rehearsal.close()
  }
}

/** What its tests, or what they run on, say against a config. */
export async function failuresOf(loaded: LoadedConfig): Promise<readonly Diagnostic[]> {
  try {
    return (await runTests(loaded)).diagnostics
  } catch (error) {
    if (error instanceof CompileError) return error.diagnostics
    throw error
  }
}

class Run implements TestRun {
  readonly results: TestResult[] = []
  readonly diagnostics: Diagnostic[] = []
  readonly #rehearsal: Rehearsal
  readonly #loaded: LoadedConfig
  #sent = 0

  constructor(rehearsal: Rehearsal, loaded: LoadedConfig) {
    this.#rehearsal = rehearsal
    this.#loaded = loaded
  }

  async add(test: TestConfig): Promise<void> {
    const { name, at, expect } = this.#rehearsal.shown(test)
    try {
      const run = await this.#send(test)
      const compared = this.#rehearsal.shown(compare(run, test.expect, this.#rehearsal.secrets))
      const unmet = compared.filter(({ met }) => !met)
      for (const one of unmet) this.#fail(test, ['expect', ...one.path], `${messageOf(one)} (${summaryOf(run)})`)
      const expected = gathered(compared, ({ expected }) => expected)
      this.results.push({
        name,
        ok: unmet.length === 0,
        expected,
        actual: gathered(compared, ({ actual }) => actual),
        at,
      })
    } catch (error) {
      if (!(error instanceof DescriptionError)) throw error
      this.#fail(test, [partOf(error)], error.message)
      this.results.push({ name, ok: false, expected: { ...expect }, actual: { error: error.message }, at })
    }
  }

  async #send({ request, repeat }: TestConfig): Promise<DryRun> {
    this.#rehearsal.forget()
    let run = await inTime(this.#rehearsal.run(request))
    for (let i = 1; i < repeat; i++) {
      if (++this.#sent % SLICE === 0) await new Promise(setImmediate)
      run = await inTime(this.#rehearsal.run(request))
    }
    return run
  }

  #fail({ name, path }: TestConfig, below: readonly string[], message: string): void {
    const full = [...path, ...below]
    const { at } = this.#loaded.document.place(full)
    this.diagnostics.push({
      code: 'failed-test',
      severity: 'error',
      at,
      path: pathText(full),
      message: this.#rehearsal.shown(`${name}: ${message}`),
    })
  }
}

/** Where in a test what is wrong with its description stands. */
function partOf({ part }: DescriptionError): string {
  return part === 'method' || part === 'url' ? 'request' : part
}

function messageOf({ path, expected, actual }: Comparison): string {
  const [key, header] = path
  const what = header === undefined ? key : `header ${header}`
  if (typeof expected === 'boolean') return `expected ${expected ? 'a' : 'no'} ${what}, found ${textOf(actual)}`
  return `expected ${what} ${textOf(expected)}, found ${textOf(actual)}`
}

/** What became of the request, for who wonders about one part of it. */
function summaryOf({ exchange, forwarded }: DryRun): string {
  if (forwarded !== null) return `it is forwarded to ${exchange.upstreamName}`
  const { problem, reply } = exchange
  return `it gets ${reply.statusCode}${problem === null ? '' : ` ${problem.code}`}, by ${decidedBy(exchange)}`
}

function textOf(value: unknown): string {
  if (value === null) return 'none'
  return Array.isArray(value) ? value.map(textOf).join(', ') : String(value)
}

/** `{ status, headers: { … } }` of what was compared. */
function gathered(
  comparisons: readonly Comparison[],
  read: (one: Comparison) => unknown,
): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {}
  const headers: Record<string, unknown> = {}
  for (const one of comparisons) {
    const [key, header] = one.path
    if (header === undefined) values[key!] = read(one)
    else headers[header] = read(one)
  }
  return Object.keys(headers).length === 0 ? values : { ...values, headers }
}
