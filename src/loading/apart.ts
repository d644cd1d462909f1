/**
 * One check of a file in a process that lives as long as the check: whatever it takes to read a large file is its own, and
 * is given back with it. A thread would share the memory of the process with those that serve, and V8's helpers.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { getCompileCacheDir } from 'node:module'
import { Worker } from 'node:worker_threads'
import type { Config } from '../config/config.ts'
import { unpackConfig } from '../config/unpacked.ts'
import type { Checked, Question } from './checked.ts'
import type { Keeping, Kept, Outcome, Task } from './messages.ts'

/** Files of 10,000 routes take some seconds, and on a busy machine many more; a plugin that waits for ever takes longer. */
const MOST_MS = 180_000

const start = new URL('../start.js', import.meta.url)
const program = new URL('./keeper.ts', import.meta.url).href

interface Around {
  /** Of plugin files, when they were imported where the config will be served. */
  readonly digests: ReadonlyMap<string, string>
  /** The one that is served; null: none is. */
  readonly config: Config | null
  readonly mostMs?: number
}

export class CheckApart {
  readonly #keeper: Worker
  /** Rejects where the process did not come to a result. */
  readonly checked: Promise<Checked>

  constructor(question: Question, { digests, config, mostMs = MOST_MS }: Around) {
    const keeping: Keeping = {
      program,
      task: taskOf(question, digests),
      mostMs,
      compileCache: getCompileCacheDir() ?? null,
      execArgv: withoutInspector(process.execArgv),
    }
    this.#keeper = new Worker(start, { workerData: keeping, name: 'sluice-keeper', execArgv: [] })
    this.checked = this.#kept().then((kept) => received(kept, config))
  }

  async #kept(): Promise<Kept> {
    const [outcome] = (await Promise.race([once(this.#keeper, 'message'), this.#ended()])) as [Outcome]
    if ('failure' in outcome) throw new Error(outcome.failure)
    return outcome.kept
  }

  async #ended(): Promise<never> {
    await once(this.#keeper, 'exit')
    throw new Error('the thread that keeps it has ended')
  }

  /** Ends the process. */
  close(): void {
    this.#keeper.postMessage(null)
  }
}

/** Its port is taken by this process. */
export function withoutInspector(flags: readonly string[]): string[] {
  const valued = ['--inspect-port', '--inspect-publish-uid']
  return flags.filter((flag, i) => !flag.startsWith('--inspect') && !valued.includes(flags[i - 1] ?? ''))
}

function taskOf(question: Question, digests: ReadonlyMap<string, string>): Task {
  const { options } = question
  // The environment itself is no plain object.
  return {
    question: { ...question, options: { ...options, env: { ...(options.env ?? process.env) } } },
    digests,
    token: randomUUID(),
  }
}

async function received({ verdict, ...rest }: Kept, served: Config | null): Promise<Checked> {
  if (verdict.kind !== 'servable') return { ...rest, verdict }
  const { packed, ...known } = verdict
  return { ...rest, verdict: { ...known, config: await unpackConfig(packed, { known: served }) } }
}
