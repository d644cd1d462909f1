/** The program of a worker thread: a Serving of its own, and the calls of the supervisor. */
import { parentPort, workerData } from 'node:worker_threads'
import { PluginCatalog } from '../config/plugin-catalog.ts'
import { CompileError } from '../generation/compile-error.ts'
import { createLog } from '../observe/log.ts'
import { Metrics } from '../observe/metrics.ts'
import { Serving } from '../serving/serving.ts'
import { SharedCounters } from '../state/shared-counters.ts'
import { SharedInFlight } from '../state/shared-in-flight.ts'
import { ThreadSiblings } from '../state/siblings.ts'
import type { Birth, CallMessage, Failure, FromWorker, Place } from './messages.ts'
import { ReceivedConfigs } from './received.ts'

const { name, level, ticketSecret, counters, inFlight, family } = workerData as Birth
const port = parentPort!
const tellSupervisor = (message: FromWorker) => port.postMessage(message)

let configs: ReceivedConfigs
let serving: Serving

function take({ id, share, tally }: Place): void {
  configs = new ReceivedConfigs(share)
  const log = createLog({
    level,
    fields: { worker: id },
    destination: { write: (line) => tellSupervisor({ note: 'log', line }) },
  })
  serving = new Serving({
    log,
    metrics: new Metrics((announcement) => tellSupervisor({ note: 'series', announcement })),
    counters: new SharedCounters(counters, {
      onFull: (counter) => log.warn({ counter }, 'the rate-limit store is full: new keys share one window'),
    }),
    inFlight: new SharedInFlight(inFlight, share.index),
    siblings: new ThreadSiblings(family),
    catalog: new PluginCatalog(),
    name,
    // All threads are one node of the fleet: while a shared store is away, they count its part of each limit together.
    node: name,
    tally,
    ticketSecret,
    retired: () => tellSupervisor({ note: 'retired' }),
    // What still waits to be written is written on the way out.
    ended: () => setImmediate(() => process.exit()),
  })
}

/** Answers a call of the supervisor. */
async function answerTo(message: CallMessage): Promise<unknown> {
  switch (message.call) {
    case 'take':
      take(message.takes)
      return null
    case 'prepare': {
      const { number, echoPort, ports } = message.takes
      const config = await configs.take(message.takes)
      // The supervisor has claimed the addresses, and the other workers bind them too.
      await serving.prepare({ config, number, echoPort, beside: true }, ports)
      return null
    }
    case 'commit':
      configs.commit()
      await serving.commit()
      return null
    case 'tell':
      await serving.tell(message.takes.name, message.takes.command)
      return null
    case 'ask': {
      const [answer] = await serving.ask(message.takes.name, message.takes.question)
      return answer
    }
    case 'close':
      await serving.close(message.takes)
      return null
    default:
      await serving[message.call]()
      return null
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof CompileError) return { message: error.message, diagnostics: error.diagnostics }
  const { message, code, syscall } = error as NodeJS.ErrnoException
  return { message, ...(code === undefined ? {} : { code }), ...(syscall === undefined ? {} : { syscall }) }
}

port.on('message', (message: CallMessage) => {
  const { number } = message
  answerTo(message).then(
    (answer) => tellSupervisor({ number, answer }),
    (error: unknown) => tellSupervisor({ number, failure: failureOf(error) }),
  )
})
tellSupervisor({ note: 'ready' })
