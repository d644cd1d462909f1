/** Starts the thread that checks a file; before its program is loaded, the compile cache that the main thread uses. */
import { enableCompileCache } from 'node:module'
import { dirname } from 'node:path'
import { workerData } from 'node:worker_threads'
import type { Task } from './messages.ts'

const { compileCache } = workerData as Task
// Node names a folder of its own inside the one that it is given.
if (compileCache !== undefined) enableCompileCache(dirname(compileCache))
await import('./thread.ts')
