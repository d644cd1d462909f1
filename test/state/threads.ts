/** Threads of hammer.ts. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Job } from './hammer.ts'

export function startThread(job: Job): Worker {
  return new Worker(new URL('./hammer.ts', import.meta.url), { workerData: job })
}

/** What a thread that comes to an end reports. Rejects when it throws. */
export async function report<T>(job: Job): Promise<T> {
  const thread = startThread(job)
  const [found] = await once(thread, 'message')
  await thread.terminate()
  return found
}
