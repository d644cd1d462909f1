/** Loads a worker's program; first its pulse, which is to beat while the rest is loaded. */
import { workerData } from 'node:worker_threads'
import type { Birth } from './messages.ts'
import { beat } from './pulse.ts'

beat((workerData as Birth).pulse)
await import('./thread.ts')
