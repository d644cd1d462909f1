// Starts the processes that read a file, one after the other, and passes on what they are told and what they say. Who starts a process
// stands still until that one runs, and has its own memory copied afterwards, page by page: this one has little, and serves nobody.
// Plain JavaScript, as ../start.js, which says why, and to have less yet.
import { fork } from 'node:child_process'

/** Who serves takes so much in a turn of its loop. */
const PIECE_BYTES = 64 * 1024

const start = new URL('../start.js', import.meta.url)
const [, , ...program] = process.argv
let reader = null
/** Of the last answer, and what of it nobody has asked for. */
let token = null
let pieces = null

process.on('message', async (order) => {
  if (order === 'next') return tellPiece()
  token = order.task.token
  const outcome = await outcomeOf(order).catch(({ message }) => ({ failure: message }))
  pieces = cut(outcome.long ?? [])
  tell({ ...outcome, long: outcome.long?.map(({ bytes, ...where }) => ({ ...where, length: bytes.length })) })
  if (pieces.length === 0) rest()
})
process.once('disconnect', leave)
process.on('SIGTERM', leave)
// Meant for the gateway, and sent to its whole group.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => {})

function outcomeOf({ task, execArgv, env }) {
  return new Promise((resolve) => {
    let outcome = null
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc']
    const started = fork(start, program, { serialization: 'advanced', execArgv, env, stdio })
    reader = started
    // Plugins are imported there: they may have something to say, too.
    started.on('message', (message) => {
      if (message?.token !== task.token) return
      outcome = message.outcome
      // All has been said, and V8 takes its time to take a large heap apart.
      end(started)
    })
    started.once('error', ({ message }) => {
      // It was not even started, and will not exit.
      if (started.pid === undefined) reader = null
      resolve({ failure: message })
    })
    // Not before it is gone: what it held, a port that a plugin took, is free then.
    started.once('exit', (code, signal) => {
      reader = null
      resolve(outcome ?? { failure: signal === null ? `it exited with code ${code}` : `it was ended by ${signal}` })
    })
    if (!started.connected) return
    // What cannot be sent finds nobody there any more: the exit says why.
    started.send({ ...task, parent: process.pid }, (error) => error !== null && end(started))
  })
}

function cut(long) {
  const cuts = []
  for (const { bytes } of long)
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) cuts.push(bytes.subarray(at, at + PIECE_BYTES))
  return cuts
}

function tellPiece() {
  tell(pieces.shift())
  if (pieces.length === 0) rest()
}

/** What an answer leaves behind would stay for many answers: V8 counts what little of it is its own. */
function rest() {
  setImmediate(globalThis.gc)
}

/** Where nobody is there to be told, the disconnect is on its way. */
function tell(told) {
  process.send({ token, told }, () => {})
}

/** Whatever a plugin does about signals. */
function end(started) {
  started.kill('SIGKILL')
}

function leave() {
  if (reader === null) process.exit()
  reader.once('exit', () => process.exit())
  end(reader)
}
