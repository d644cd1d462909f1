/** The program of the process that checks a file. While something is served, it gives way to those that serve. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { packConfig } from '../config/packed.ts'
import { eachPart, freshPrints, placesOf } from '../config/parts.ts'
import { PluginCatalog } from '../config/plugin-catalog.ts'
import { check, type Question, type Servable } from './checked.ts'
import type { Answer, PackedServable, Task } from './messages.ts'

/** The rest of the machine gets three times as much. Any lower, and a busy one would not see the new file for minutes. */
const NICE = 5

// Whoever asked is gone.
process.once('disconnect', () => process.exit())
process.once('message', (task: Task) => void answer(task))

async function answer({ question, digests }: Task): Promise<void> {
  if (question.served !== null) yieldToOthers()
  const { verdict, ...rest } = await check(question, new PluginCatalog(digests))
  const answer: Answer = { ...rest, verdict: verdict.kind === 'servable' ? packed(verdict, question) : verdict }
  process.send!(answer)
}

/**
 * As far as the system lets it: neither is a reason to refuse a file. On Linux a priority is that of one thread, and V8 has some
 * that collect garbage; elsewhere it is that of the process.
 */
function yieldToOthers(): void {
  const threads = existsSync('/proc/self/task') ? readdirSync('/proc/self/task').map(Number) : [0]
  // One that is lower already may not be raised.
  for (const thread of threads) tolerantly(() => setPriority(thread, Math.max(NICE, getPriority(thread))))
  // Where memory runs out, the kernel is to end this one and not who serves.
  if (process.platform === 'linux') tolerantly(() => writeFileSync('/proc/self/oom_score_adj', '1000'))
}

/** A thread may have ended since, and a sandbox may allow none of this. */
function tolerantly(act: () => void): void {
  try {
    act()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
  }
}

function packed({ config, parts, prints, ...known }: Servable, { served }: Question): PackedServable {
  const places = eachPart((name) => placesOf(prints[name], served?.prints?.[name]))
  const fresh = eachPart((name) => freshPrints(prints[name], places[name]))
  return { ...known, packed: packConfig(config, parts, places), fresh }
}
