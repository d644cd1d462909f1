/**
 * Checks files, each in a process that lives as long as the check: whatever it takes to read a large file is its own, and is given
 * back with it. A thread would share the memory of the process with those that serve, and V8's helpers.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { on, once } from 'node:events'
import { getCompileCacheDir } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Config } from '../config/config.ts'
import { eachPart, wholePrints } from '../config/parts.ts'
import { unpackConfig } from '../config/unpacked.ts'
import type { Checked, Question } from './checked.ts'
import { putLong } from './long.ts'
import type { Answer, Order, Outcome } from './messages.ts'
import { lowerPriority } from './priority.ts'

/** Files of 10,000 routes take some seconds, and on a busy machine many more; a plugin that waits for ever takes longer. */
const MOST_MS = 180_000
const END_MS = 1000

/** Beside those that serve: it would have as many threads collecting as there are processors, and they wait for one then. */
export const GENTLE_FLAGS = ['--single-threaded-gc']

const program = fileURLToPath(new URL('./starter.js', import.meta.url))
const reader = new URL('./process.ts', import.meta.url).href

interface Around {
  /** Of plugin files, when they were imported where the config will be served. */
  readonly digests: ReadonlyMap<string, string>
  /** The one that is served; null: none is. */
  readonly config: Config | null
  readonly mostMs?: number
}

export class Readers {
  /** Starts them. Started itself for the first: whoever serves has little memory then, and nobody waits. */
  #starter: ChildProcess | null = null

  /** One at a time. Rejects where the process does not come to a result. */
  async check(question: Question, { digests, config, mostMs = MOST_MS }: Around): Promise<Checked> {
    this.#starter ??= this.#started()
    const starter = this.#starter
    if (question.served !== null && starter.pid !== undefined) lowerPriority(starter.pid)
    const outcome = await outcomeOf(starter, orderOf(question, digests), mostMs)
    if ('failure' in outcome) throw new Error(outcome.failure)
    return received(outcome.answer, { question, config })
  }

  #started(): ChildProcess {
    const compileCache = getCompileCacheDir()
    const starter = fork(program, [reader, ...(compileCache === undefined ? [] : [compileCache])], {
      serialization: 'advanced',
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const forget = () => {
      this.#starter = null
    }
    return starter.once('exit', forget).on('error', forget)
  }

  /** Ends the check that is under way: it rejects. */
  async close(): Promise<void> {
    const starter = this.#starter
    if (starter?.pid === undefined) return
    // Where nothing else is waited for, neither: of a start that has failed.
    starter.ref()
    end(starter)
    await once(starter, 'exit')
  }
}

/** It ends what it has started first, unless somebody holds it up. */
function end(starter: ChildProcess): void {
  starter.kill()
  setTimeout(() => starter.kill('SIGKILL'), END_MS).unref()
}

/** Whoever waits for nothing else waits for this. */
async function outcomeOf(starter: ChildProcess, order: Order, mostMs: number): Promise<Outcome> {
  let why = 'the process that starts it has ended'
  const late = setTimeout(() => {
    why = `it came to no end in ${mostMs / 1000} s`
    end(starter)
  }, mostMs)
  starter.ref()
  starter.channel?.ref()
  const heard = on(starter, 'message', { close: ['exit'] })
  const asked = async (question: Order | 'next') => {
    // What cannot be sent finds nobody there any more: the exit says so.
    if (starter.connected) starter.send(question, (error) => error !== null && end(starter))
    for (;;) {
      const { value, done } = await heard.next()
      if (done === true) throw new Error(why)
      // Others may have something to say there, too: what an environment has every process of Node load.
      const [message] = value
      if (message?.token === order.task.token) return message.told
    }
  }
  try {
    const outcome: Outcome = await asked(order)
    if ('answer' in outcome) await putLong(outcome.answer, outcome.long, () => asked('next'))
    return outcome
  } catch (error) {
    // Whatever it is about to say is no answer to the next order.
    end(starter)
    throw error
  } finally {
    await heard.return!()
    clearTimeout(late)
    starter.unref()
    starter.channel?.unref()
  }
}

/** Its port is taken by this process. */
export function withoutInspector(flags: readonly string[]): string[] {
  const valued = ['--inspect-port', '--inspect-publish-uid']
  return flags.filter((flag, i) => !flag.startsWith('--inspect') && !valued.includes(flags[i - 1] ?? ''))
}

function orderOf(question: Question, digests: ReadonlyMap<string, string>): Order {
  const { options } = question
  // The environment itself is no plain object.
  const own = { ...process.env }
  const asked = { ...question, options: { ...options, env: { ...(options.env ?? own) } } }
  const task = { question: asked, digests, token: randomUUID() }
  const gently = question.served === null ? [] : GENTLE_FLAGS
  return { task, execArgv: [...withoutInspector(process.execArgv), ...gently], env: own }
}

async function received(
  { verdict, ...rest }: Answer,
  { question, config }: { question: Question; config: Config | null },
): Promise<Checked> {
  if (verdict.kind !== 'servable') return { ...rest, verdict }
  const { fresh, packed, ...known } = verdict
  const served = question.served?.prints
  const prints = eachPart((name) => wholePrints(fresh[name], packed.lists[name].places, served?.[name]))
  return { ...rest, verdict: { ...known, prints, config: await unpackConfig(packed, { known: config }) } }
}
