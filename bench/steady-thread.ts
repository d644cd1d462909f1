/** A steady load from a thread of its own: what else this process does is not counted against whoever answers. */
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type Seen, startSteadyLoad } from './steady.ts'

interface Task {
  readonly port: number
  readonly paths: readonly string[]
  readonly everyMs: number
}

export interface Report extends Seen {
  /** Since it began. */
  readonly failed: number
}

export class SteadyThread implements AsyncDisposable {
  readonly #worker: Worker

  constructor(task: Task) {
    this.#worker = new Worker(new URL(import.meta.url), { workerData: task })
  }

  /** Of the requests since the last call. */
  async seen(): Promise<Report> {
    this.#worker.postMessage(null)
    const [report] = await once(this.#worker, 'message')
    return report as Report
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }
}

if (!isMainThread && parentPort !== null) {
  const { port, paths, everyMs } = workerData as Task
  const load = startSteadyLoad(port, paths, everyMs)
  parentPort.on('message', () => {
    parentPort!.postMessage({ ...load.seen(), failed: load.counts.failed } satisfies Report)
  })
}
