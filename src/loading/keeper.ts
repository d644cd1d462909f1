/**
 * The program of the thread that starts the process which checks a file, and takes its answer: who starts a process stands still
 * until that one runs, which is long where processors are busy, and an answer comes as one piece of some megabytes.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import { sharedPack } from '../config/packed.ts'
import { eachPart, type Prints, wholePrints } from '../config/parts.ts'
import type { Answer, Keeping, Kept, Outcome, Task } from './messages.ts'
import { lowerPriority } from './priority.ts'

const start = fileURLToPath(new URL('../start.js', import.meta.url))
const program = new URL('./process.ts', import.meta.url).href

const { task, mostMs, compileCache, execArgv } = workerData as Keeping
const port = parentPort!

// On Linux a priority is that of one thread, and what it starts has it, too. Elsewhere it would be that of the gateway.
if (task.question.served !== null && process.platform === 'linux') lowerPriority()
const reader = fork(start, [program, ...(compileCache === null ? [] : [compileCache])], {
  serialization: 'advanced',
  execArgv: [...execArgv],
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
})
// Nobody wants an answer any more.
port.once('message', () => end(reader))
const outcome = await answerOf(reader).then(
  (answer): Outcome => ({ kept: kept(answer, task.question.served?.prints ?? null) }),
  ({ message }: Error): Outcome => ({ failure: message }),
)
port.postMessage(outcome)
port.close()

function answerOf(reader: ChildProcess): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let answer: Answer | null = null
    let why: string | null = null
    const late = setTimeout(() => {
      why = `it came to no end in ${mostMs / 1000} s`
      end(reader)
    }, mostMs)
    // Plugins are imported there: they may have something to say, too.
    reader.on('message', (message) => {
      if (!isAnswer(message, task)) return
      answer = message
      // All has been said, and V8 takes its time to take a large heap apart.
      end(reader)
    })
    reader.once('error', (error) => {
      clearTimeout(late)
      reject(error)
    })
    // Not before it is gone: what it held, a port that a plugin took, is free then.
    reader.once('exit', (code, signal) => {
      clearTimeout(late)
      if (answer !== null) resolve(answer)
      else reject(new Error(why ?? (signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`)))
    })
    // It was not even started: an error follows.
    if (!reader.connected) return
    // What cannot be sent finds nobody there any more: the exit says why.
    reader.send(task satisfies Task as never, (error) => error !== null && end(reader))
  })
}

function isAnswer(message: unknown, { token }: Task): message is Answer {
  return typeof message === 'object' && message !== null && 'token' in message && message.token === token
}

/** Whatever a plugin does about signals. */
function end(reader: ChildProcess): void {
  reader.kill('SIGKILL')
}

/** What is long in it reaches another thread without being copied, and nothing holds the message that it came in. */
function kept({ verdict, token: _, ...rest }: Answer, served: Prints | null): Kept {
  if (verdict.kind !== 'servable') return { ...rest, verdict }
  const { fresh, packed, redacted, ...known } = verdict
  const prints = eachPart((name) => wholePrints(fresh[name], packed.lists[name].places, served?.[name]))
  return { ...rest, verdict: { ...known, packed: sharedPack(packed), prints, redacted: Uint8Array.from(redacted) } }
}
