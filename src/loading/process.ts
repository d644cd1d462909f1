/** The program of the process that checks a file. While something is served, it gives way to those that serve. */
import { Worker } from 'node:worker_threads'
import { packConfig } from '../config/packed.ts'
import { eachPart, freshPrints, placesOf } from '../config/parts.ts'
import { PluginCatalog } from '../config/plugin-catalog.ts'
import { waitingOf } from '../config/waiting.ts'
import { check, type Question, type Servable } from './checked.ts'
import { takeLong } from './long.ts'
import { giveMemoryBack } from './memory.ts'
import type { Answer, PackedServable, Said, Task } from './messages.ts'
import { offerToEnd } from './priority.ts'

// Whoever asked is gone: it is seen here, and by a thread of its own where a plugin never gives this one back.
process.once('disconnect', () => process.exit())
process.once('message', (task: Task) => void answer(task))

async function answer(task: Task): Promise<void> {
  new Worker(new URL('./orphan.js', import.meta.url), { workerData: task.parent, execArgv: [] }).unref()
  const isBesideOthers = task.question.served !== null
  if (isBesideOthers) offerToEnd()
  const said = await saidOf(task)
  if (isBesideOthers) giveMemoryBack()
  process.send!(said, (error: Error | null) => error !== null && process.exit())
}

async function saidOf({ question, digests, token }: Task): Promise<Said> {
  const { verdict, ...rest } = await check(question, new PluginCatalog(digests), true)
  const answer: Answer = { ...rest, verdict: verdict.kind === 'servable' ? packed(verdict, question) : verdict }
  return { token, outcome: { answer, long: takeLong(answer) } }
}

function packed({ config, prints, ...known }: Servable, { served }: Question): PackedServable {
  const places = eachPart((name) => placesOf(prints[name], served?.prints?.[name]))
  const fresh = eachPart((name) => freshPrints(prints[name], places[name]))
  return { ...known, packed: packConfig(config, { places, waiting: waitingOf(config.outline) }), fresh }
}
