/** The program of the process that checks a file. While something is served, it has the processor when nobody else needs it. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { packConfig } from '../config/packed.ts'
import { eachPart, freshPrints, placesOf } from '../config/parts.ts'
import { PluginCatalog } from '../config/plugin-catalog.ts'
import { check, type Question, type Servable } from './checked.ts'
import type { Answer, PackedServable, Task } from './messages.ts'

// Whoever asked is gone.
process.once('disconnect', () => process.exit())
process.once('message', (task: Task) => void answer(task))

async function answer({ question, digests }: Task): Promise<void> {
  if (question.served !== null) yieldToOthers()
  const { verdict, ...rest } = await check(question, new PluginCatalog(digests))
  const answer: Answer = { ...rest, verdict: verdict.kind === 'servable' ? packed(verdict, question) : verdict }
  process.send!(answer)
}

/** On Linux a priority is that of one thread, and V8 has some that collect garbage; elsewhere it is that of the process. */
function yieldToOthers(): void {
  if (process.platform !== 'linux' || !existsSync('/proc/self/task')) {
    setPriority(10)
    return
  }
  // Where memory runs out, the kernel is to end this one and not who serves.
  writeFileSync('/proc/self/oom_score_adj', '1000')
  for (const thread of readdirSync('/proc/self/task').map(Number)) {
    try {
      setPriority(thread, 10)
    } catch (error) {
      // It has ended since.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

function packed({ config, parts, prints, ...known }: Servable, { served }: Question): PackedServable {
  const places = eachPart((name) => placesOf(prints[name], served?.prints?.[name]))
  const fresh = eachPart((name) => freshPrints(prints[name], places[name]))
  return { ...known, packed: packConfig(config, parts, places), fresh }
}
