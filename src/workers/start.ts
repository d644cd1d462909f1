/** Starts a worker's program; before it is loaded, the compile cache that the main thread uses, so that it loads in half the time. */
import { enableCompileCache } from 'node:module'
import { dirname } from 'node:path'
import { workerData } from 'node:worker_threads'
import type { Birth } from './messages.ts'

const { compileCache } = workerData as Birth
// Node names a folder of its own inside the one that it is given.
if (compileCache !== undefined) enableCompileCache(dirname(compileCache))
await import('./thread.ts')
