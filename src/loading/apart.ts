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

const program = fileURLToPath(new URL('./start.ts', import.meta.url))

export class CheckApart {
  readonly #process: ChildProcess
  /** Rejects where the process did not come to a result. */
  readonly checked: Promise<Checked>

  /** `digests`: of plugin files, when they were imported where the config will be served. `parts`: of the config that is served. */
  constructor(question: Question, { digests, parts }: { digests: ReadonlyMap<string, string>; parts: Parts | null }) {
    const compileCache = getCompileCacheDir()
    this.#process = fork(program, compileCache === undefined ? [] : [compileCache], {
      serialization: 'advanced',
      // Its port is taken by this process.
      execArgv: process.execArgv.filter((flag) => !flag.startsWith('--inspect')),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.checked = this.#answer(taskOf(question, digests)).then((answer) =>
      received(answer, { parts, prints: question.served?.prints ?? null }),
    )
  }

  #answer(task: Task): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#process.once('message', (answer) => {
        resolve(answer as Answer)
        // All has been said, and V8 takes its time to take a large heap apart.
        this.#process.kill('SIGKILL')
      })
      this.#process.once('error', reject)
      this.#process.once('exit', (code, signal) => {
        reject(new Error(signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`))
      })
      this.#process.send(task as never, (error) => error !== null && reject(error))
    })
  }

  close(): void {
    this.#process.kill()
  }
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
