/** The program of the thread that checks a file. It has the processor when nobody else needs it. */
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { sendConfig } from '../config/config-slices.ts'
import { PluginCatalog } from '../config/plugin-catalog.ts'
import { check } from './checked.ts'
import type { Answer, Task } from './messages.ts'

const { question, digests, slices } = workerData as Task
// On Linux the priority is that of the thread; elsewhere it would be that of the process.
if (process.platform === 'linux') setPriority(10)

const { verdict, excerpts: _, ...rest } = await check(question, new PluginCatalog(digests))
const answer = (verdict: Answer['verdict']): Answer => ({ ...rest, verdict })
if (verdict.kind === 'servable') {
  const { config, ...known } = verdict
  parentPort!.postMessage(answer({ ...known, head: sendConfig(config, slices) }))
} else parentPort!.postMessage(answer(verdict))
slices.close()
