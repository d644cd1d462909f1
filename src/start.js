// Starts a program of ours in a thread or a process of its own, with the compile cache that its parent uses. Plain JavaScript: for
// a first file in TypeScript each of them would load a parser, which takes longer than all else until it runs.
import { enableCompileCache } from 'node:module'
import { dirname } from 'node:path'
import { workerData } from 'node:worker_threads'

const [, , program, compileCache] = process.argv
/** @type {{ program: string, compileCache?: string | null }} */
const start = workerData ?? { program, compileCache }
// Node names a folder of its own inside the one that it is given.
if (start.compileCache) enableCompileCache(dirname(start.compileCache))
await import(start.program)
