/**
 * One check of a file in a process that lives as long as the check: whatever it takes to read a large file is its own, and
 * is given back with it. A thread would share the memory of the process with those that serve, and V8's helpers.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { getCompileCacheDir } from 'node:module'
import { fileURLToPath } from 'node:url'
import { unpackConfig } from '../config/packed.ts'
import { eachPart, type Parts, type Prints, wholePrints } from '../config/parts.ts'
import type { Checked, Question } from './checked.ts'
import type { Answer, Task } from './messages.ts'

/** Files of 10,000 routes take some seconds, and on a busy machine many more; a plugin that waits for ever takes longer. */
const MOST_MS = 180_000

const program = fileURLToPath(new URL('./start.ts', import.meta.url))

interface Around {
  /** Of plugin files, when they were imported where the config will be served. */
  readonly digests: ReadonlyMap<string, string>
  /** Of the config that is served; null: none is. */
  readonly parts: Parts | null
  readonly mostMs?: number
}

export class CheckApart {
  readonly #process: ChildProcess
  /** Rejects where the process did not come to a result. */
  readonly checked: Promise<Checked>

  constructor(question: Question, { digests, parts, mostMs = MOST_MS }: Around) {
    const compileCache = getCompileCacheDir()
    this.#process = fork(program, compileCache === undefined ? [] : [compileCache], {
      serialization: 'advanced',
      // Its port is taken by this process.
      execArgv: process.execArgv.filter((flag) => !flag.startsWith('--inspect')),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.checked = this.#answer(taskOf(question, digests), mostMs).then((answer) =>
      received(answer, { parts, prints: question.served?.prints ?? null }),
    )
  }

  #answer(task: Task, mostMs: number): Promise<Answer> {
    const reader = this.#process
    return new Promise((resolve, reject) => {
      let answer: Answer | null = null
      let why: string | null = null
      const late = setTimeout(() => {
        why = `it came to no end in ${mostMs / 1000} s`
        this.close()
      }, mostMs)
      // Plugins are imported there: they may have something to say, too.
      reader.on('message', (message) => {
        if (!isAnswer(message)) return
        answer = message
        // All has been said, and V8 takes its time to take a large heap apart.
        this.close()
      })
      reader.once('error', (error) => {
        clearTimeout(late)
        reject(error)
      })
      // Not before it is gone: what it held, a port that a plugin took, is free then.
      reader.once('exit', (code, signal) => {
        clearTimeout(late)
        if (answer !== null) resolve(answer)
        else reject(new Error(why ?? (signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`)))
      })
      reader.send(task as never, (error) => error !== null && reject(error))
    })
  }

  /** Whatever a plugin does about signals. */
  close(): void {
    this.#process.kill('SIGKILL')
  }
}

function isAnswer(message: unknown): message is Answer {
  return typeof message === 'object' && message !== null && 'verdict' in message
}

function taskOf(question: Question, digests: ReadonlyMap<string, string>): Task {
  const { options } = question
  // The environment itself is no plain object.
  return { question: { ...question, options: { ...options, env: { ...(options.env ?? process.env) } } }, digests }
}

async function received(
  answer: Answer,
  served: { readonly parts: Parts | null; readonly prints: Prints | null },
): Promise<Checked> {
  const { verdict, ...rest } = answer
  if (verdict.kind !== 'servable') return { ...rest, verdict }
  const { packed, fresh, ...known } = verdict
  const prints = eachPart((name) => wholePrints(fresh[name], packed.lists[name].places, served.prints?.[name]))
  return { ...rest, verdict: { ...known, prints, ...(await unpackConfig(packed, served.parts)) } }
}
