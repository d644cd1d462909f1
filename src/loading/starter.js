// Starts the processes that read a file, one after the other, and passes on what they are told and what they say. Who starts a process
// stands still until that one runs, and has its own memory copied afterwards, page by page: this one has little, and serves nobody.
// Plain JavaScript, as ../start.js, which says why, and to have less yet.
import { fork } from 'node:child_process'

/** Who serves takes so much in a turn of its loop. */
const PIECE_BYTES = 64 * 1024

const start = new URL('../start.js', import.meta.url)
const [, , ...program] = process.argv
let reader = null
/** Of what is long in the last answer, those that nobody has asked for. */
let pieces = null

process.on('message', async (order) => {
  if (order === 'next') return tell(pieces.next().value)
  const outcome = await outcomeOf(order).catch(({ message }) => ({ failure: message }))
  pieces = piecesOf(outcome.long ?? [])
  tell({ ...outcome, long: outcome.long?.map(({ bytes, ...where }) => ({ ...where, length: bytes.length })) })
})
process.once('disconnect', leave)
process.once('SIGTERM', leave)
// Meant for the gateway, and sent to its whole group.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => {})

function outcomeOf({ task, execArgv }) {
  return new Promise((resolve) => {
    let outcome = null
    reader = fork(start, program, {
      serialization: 'advanced',
      execArgv,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    // Plugins are imported there: they may have something to say, too.
    reader.on('message', (message) => {
      if (message?.token !== task.token) return
      outcome = message.outcome
      // All has been said, and V8 takes its time to take a large heap apart.
      end()
    })
    reader.once('error', ({ message }) => resolve({ failure: message }))
    // Not before it is gone: what it held, a port that a plugin took, is free then.
    reader.once('exit', (code, signal) => {
      reader = null
      resolve(outcome ?? { failure: signal === null ? `it exited with code ${code}` : `it was ended by ${signal}` })
    })
    // It was not even started: an error follows.
    if (!reader.connected) return
    // What cannot be sent finds nobody there any more: the exit says why.
    reader.send(task, (error) => error !== null && end())
  })
}

function* piecesOf(long) {
  for (const { bytes } of long)
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}

/** Where nobody is there to be told, the disconnect is on its way. */
function tell(message) {
  process.send(message, () => {})
}

/** Whatever a plugin does about signals. */
function end() {
  reader?.kill('SIGKILL')
}

function leave() {
  if (reader === null) process.exit()
  reader.once('exit', () => process.exit())
  end()
}
