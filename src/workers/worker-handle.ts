/** One worker thread as the supervisor holds it: calls and their answers, and its end, however it comes. */
import { Worker } from 'node:worker_threads'
import { CompileError } from '../generation/compile-error.ts'
import type { AnswerMessage, Birth, Calls, Failure, FromWorker, Note, Place } from './messages.ts'
import { newPulse, PulseWatch } from './pulse.ts'
import { within } from './within.ts'

export interface WorkerEvents {
  noted(note: Note): void
  /** Nothing more is to be expected of it. It is being ended. */
  hangs(why: string): void
  /** It hangs, and in something that even an end has to wait for. */
  cannotEnd(): void
  /** It wrote to its own standard output or error. */
  wrote(stream: 'stdout' | 'stderr', text: string): void
}

export interface WorkerBounds {
  readonly heapMiB: number
  /** CPU time of one turn of its event loop; without it what `PulseWatch` allows. */
  readonly mostTurnMs?: number | undefined
  /** Between two looks at it; as above. */
  readonly lookMs?: number | undefined
}

interface Waiting {
  resolve(answer: unknown): void
  reject(error: Error): void
}

/** The worker ended before it answered. */
export class WorkerEnded extends Error {
  constructor(why: string) {
    super(`a worker has ended: ${why.split('\n', 1)[0]}`)
  }
}

/** A thread that can be ended has been by then. */
const END_MS = 10_000

const start = new URL('../start.js', import.meta.url)
const program = new URL('./start.ts', import.meta.url).href

export class WorkerHandle {
  readonly #worker: Worker
  #events: WorkerEvents
  readonly #watch: PulseWatch
  readonly #waiting = new Map<number, Waiting>()
  #calls = 0
  /** Why it ends or has ended, where that is known. */
  #reason: string | null = null
  /** No call is answered any more. */
  #isLost = false
  #isOver = false
  readonly #ready: Promise<void>
  /** Resolves with why it ended. */
  readonly ended: Promise<string>

  constructor(
    birth: Omit<Birth, 'program' | 'pulse'>,
    { heapMiB, mostTurnMs, lookMs }: WorkerBounds,
    events: WorkerEvents,
  ) {
    const pulse = newPulse()
    const worker = new Worker(start, {
      workerData: { ...birth, program, pulse } satisfies Birth,
      name: 'sluice-worker',
      resourceLimits: { maxOldGenerationSizeMb: heapMiB },
      stdout: true,
      stderr: true,
    })
    this.#worker = worker
    this.#events = events
    this.#watch = new PulseWatch({
      pulse,
      spentMs: async () => {
        const { user, system } = await worker.cpuUsage()
        return (user + system) / 1000
      },
      hangs: (why) => this.hangs(why),
      mostTurnMs,
      lookMs,
    })
    const ready = Promise.withResolvers<void>()
    this.#ready = ready.promise
    // Whoever waits is told; nobody has to.
    this.#ready.catch(() => {})
    for (const stream of ['stdout', 'stderr'] as const) {
      worker[stream].setEncoding('utf8').on('data', (text: string) => this.#events.wrote(stream, text))
    }
    worker.on('message', (message: FromWorker) => {
      if (!('note' in message)) this.#answered(message)
      else if (message.note === 'ready') ready.resolve()
      else this.#events.noted(message)
    })
    worker.on('error', (error: unknown) => {
      this.#reason ??= reasonOf(error)
    })
    this.ended = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#isOver = true
        this.#isLost = true
        this.#watch.stop()
        this.#reason ??= `it exited with code ${code}`
        this.#disappoint()
        ready.reject(new WorkerEnded(this.#reason))
        resolve(this.#reason)
      })
    })
  }

  /** Has it take a place. Resolves when it may be called; rejects with WorkerEnded. */
  async take(place: Place, events: WorkerEvents): Promise<void> {
    this.#events = events
    await this.#ready
    await this.call('take', place)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** A thread that is there and does nothing: the process could not exit before it did something. */
  get isStuck(): boolean {
    return !this.#isOver && this.#watch.isStill
  }

  /** Gives it up: it is ended, if it can be. */
  hangs(why: string): void {
    if (this.#isLost) return
    this.#isLost = true
    this.#watch.stop()
    this.#reason = why
    this.#events.hangs(why)
    within(END_MS, this.terminate()).catch(() => {
      this.#events.cannotEnd()
      this.#disappoint()
    })
  }

  /** Who waits for an answer gets none. */
  #disappoint(): void {
    const error = new WorkerEnded(this.#reason!)
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  /** Rejects with what went wrong there, or with WorkerEnded. */
  call<Name extends keyof Calls>(call: Name, takes: Calls[Name]['takes']): Promise<Calls[Name]['answer']> {
    if (this.#isLost) return Promise.reject(new WorkerEnded(this.#reason!))
    const number = ++this.#calls
    const { promise, resolve, reject } = Promise.withResolvers<Calls[Name]['answer']>()
    this.#waiting.set(number, { resolve: resolve as Waiting['resolve'], reject })
    this.#worker.postMessage({ call, number, takes })
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
