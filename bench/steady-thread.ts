/**
 * A steady load from a thread of its own, and the origin that answers it: what else this process does is not counted against whoever
 * is between the two, nor what keeps this thread from its turn.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { type Seen, type SteadyLoad, startSteadyLoad } from './steady.ts'

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
  readonly originPort: number
  readonly #worker: Worker

  private constructor(worker: Worker, originPort: number) {
    this.#worker = worker
    this.originPort = originPort
  }

  /** Its origin, to begin with. */
  static async start(): Promise<SteadyThread> {
    const worker = new Worker(new URL(import.meta.url))
    const [originPort] = await once(worker, 'message')
    return new SteadyThread(worker, originPort)
  }

  load(task: Task): void {
    this.#worker.postMessage(task)
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
  const main = parentPort
  const origin = createServer((_request, response) => response.writeHead(200, { 'content-length': '2' }).end('ok'))
  origin.listen(0, '127.0.0.1', () => main.postMessage((origin.address() as AddressInfo).port))
  let load: SteadyLoad
  main.on('message', (task: Task | null) => {
    if (task !== null) load = startSteadyLoad(task.port, task.paths, task.everyMs)
    else main.postMessage({ ...load.seen(), failed: load.counts.failed } satisfies Report)
  })
}
