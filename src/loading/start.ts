/** Starts the process that checks a file; before its program is loaded, the compile cache that the gateway uses. */
import { enableCompileCache } from 'node:module'
import { dirname } from 'node:path'

const [compileCache] = process.argv.slice(2)
// Node names a folder of its own inside the one that it is given.
if (compileCache !== undefined) enableCompileCache(dirname(compileCache))
await import('./process.ts')
