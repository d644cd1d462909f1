/** One worker thread as the supervisor holds it: calls and their answers, and its end, however it comes. */
import { Worker } from 'node:worker_threads'
import { CompileError } from '../generation/compile.ts'
import type { AnswerMessage, Birth, Calls, Failure, FromWorker, Note } from './messages.ts'

export interface WorkerEvents {
  noted(note: Note): void
  /** It wrote to its own standard output or error. */
  wrote(stream: 'stdout' | 'stderr', text: string): void
}

interface Waiting {
  resolve(answer: unknown): void
  reject(error: Error): void
}

/** The worker ended before it answered. */
export class WorkerEnded extends Error {}

const program = new URL('./start.ts', import.meta.url)

export class WorkerHandle {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #calls = 0
  #ended = false
  /** Resolves when it may be called; rejects with WorkerEnded. */
  readonly ready: Promise<void>
  /** Resolves with why it ended. */
  readonly ended: Promise<string>

  constructor(birth: Birth, heapMiB: number, events: WorkerEvents) {
    const worker = new Worker(program, {
      workerData: birth,
      name: `sluice-${birth.id}`,
      resourceLimits: { maxOldGenerationSizeMb: heapMiB },
      stdout: true,
      stderr: true,
    })
    this.#worker = worker
    const ready = Promise.withResolvers<void>()
    this.ready = ready.promise
    // Whoever waits is told; nobody has to.
    this.ready.catch(() => {})
    for (const stream of ['stdout', 'stderr'] as const) {
      worker[stream].setEncoding('utf8').on('data', (text: string) => events.wrote(stream, text))
    }
    worker.on('message', (message: FromWorker) => {
      if (!('note' in message)) this.#answered(message)
      else if (message.note === 'ready') ready.resolve()
      else events.noted(message)
    })
    let reason: string | null = null
    worker.on('error', (error: unknown) => {
      reason = reasonOf(error)
    })
    this.ended = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#ended = true
        const why = reason ?? `it exited with code ${code}`
        const error = new WorkerEnded(`worker ${birth.id} has ended: ${why.split('\n', 1)[0]}`)
        for (const { reject } of this.#waiting.values()) reject(error)
        this.#waiting.clear()
        ready.reject(error)
        resolve(why)
      })
    })
  }

  /** Rejects with what went wrong there, or with WorkerEnded. */
  call<Name extends keyof Calls>(call: Name, takes: Calls[Name]['takes']): Promise<Calls[Name]['answer']> {
    if (this.#ended) return Promise.reject(new WorkerEnded('the worker has ended'))
    const number = ++this.#calls
    const { promise, resolve, reject } = Promise.withResolvers<Calls[Name]['answer']>()
    this.#waiting.set(number, { resolve: resolve as Waiting['resolve'], reject })
    const ports = call === 'prepare' ? [(takes as Calls['prepare']['takes']).slices] : []
    this.#worker.postMessage({ call, number, takes }, ports)
    return promise
  }

  #answered({ number, answer, failure }: AnswerMessage): void {
    const waiting = this.#waiting.get(number)
    this.#waiting.delete(number)
    if (failure === undefined) waiting?.resolve(answer)
    else waiting?.reject(errorOf(failure))
  }

  /** Share of the time since the last call in which its event loop was busy, and its heap in bytes. */
  async vitals(): Promise<{ readonly busy: number; readonly heapBytes: number }> {
    const busy = this.#worker.performance.eventLoopUtilization().utilization
    const { used_heap_size: heapBytes } = await this.#worker.getHeapStatistics()
    return { busy, heapBytes }
  }

  /** Ends it at once. */
  async terminate(): Promise<void> {
    await this.#worker.terminate()
  }
}

function errorOf({ message, diagnostics, ...rest }: Failure): Error {
  return diagnostics === undefined ? Object.assign(new Error(message), rest) : new CompileError(diagnostics)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : `it threw ${String(error)}`
}
