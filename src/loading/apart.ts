/** One check of a file in a thread that lives as long as the check. */
import { getCompileCacheDir } from 'node:module'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { receiveConfig } from '../config/config-slices.ts'
import type { Diagnostic } from '../config/diagnostic.ts'
import type { Checked, Question } from './checked.ts'
import type { Answer, Task } from './messages.ts'

const program = new URL('./start.ts', import.meta.url)

export class CheckApart {
  readonly #worker: Worker
  /** Refused where the thread did not come to a result. */
  readonly checked: Promise<Checked>

  /** `digests`: of plugin files, when they were imported where the config will be served. */
  constructor(question: Question, digests: ReadonlyMap<string, string>) {
    const { port1, port2 } = new MessageChannel()
    const { options } = question
    // The environment itself is no plain object.
    const asked = { ...question, options: { ...options, env: { ...(options.env ?? process.env) } } }
    const task: Task = { question: asked, digests, slices: port2, compileCache: getCompileCacheDir() }
    this.#worker = new Worker(program, { workerData: task, name: 'sluice-config', transferList: [port2] })
    this.checked = this.#answer().then(
      (answer) => received(answer, port1),
      (error: Error) => {
        port1.close()
        return refused(question, error)
      },
    )
  }

  #answer(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#worker.once('message', resolve)
      this.#worker.once('error', reject)
      this.#worker.once('exit', (code) => reject(new Error(`it exited with code ${code}`)))
    })
  }

  close(): void {
    void this.#worker.terminate()
  }
}

async function received(answer: Answer, port: MessagePort): Promise<Checked> {
  const { verdict, ...rest } = answer
  // Only who starts is shown lines of the file.
  const checked = { ...rest, excerpts: { excerpt: () => null } }
  if (verdict.kind !== 'servable') {
    port.close()
    return { ...checked, verdict }
  }
  const { head, ...known } = verdict
  return { ...checked, verdict: { ...known, config: await receiveConfig(head, port) } }
}

function refused({ file, options }: Question, error: Error): Checked {
  const place = { path: '', at: { file: options.shownAs ?? file, line: 1, column: 1, endColumn: 2 } }
  const message = `the thread that reads the file has ended: ${error.message}`
  const diagnostics: Diagnostic[] = [{ code: 'worker-ended', severity: 'error', ...place, message }]
  return {
    verdict: { kind: 'refused', diagnostics },
    warnings: [],
    files: [file],
    places: { file: place, threads: place, listen: place },
    excerpts: { excerpt: () => null },
  }
}
