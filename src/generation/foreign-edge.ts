/** The edge of one chain that holds Fastify plugins of others: a Fastify of its own, our steps between theirs. */
import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify'
import type { Exchange } from '../exchange/exchange.ts'
import { addCatchAll, createApp, type Edge, type EdgeEvents, exchangeOf, foreignProblem } from './edge.ts'
import { ForeignAnswers } from './foreign-answers.ts'
import type { CompiledItem } from './items.ts'

/** A foreign plugin would not start. */
export class ForeignPluginError extends Error {
  /** Its place in the chain. */
  readonly index: number

  constructor(index: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.index = index
  }
}

/** `replies` says through which reply an exchange leaves. Rejects with ForeignPluginError. */
export async function foreignEdge(
  items: readonly CompiledItem[],
  events: EdgeEvents,
  replies: WeakMap<Exchange, FastifyReply>,
): Promise<Edge> {
  const answers = new ForeignAnswers(events, replies)
  const app = createApp(events, (exchange, problem, reply) => answers.failAgain(exchange, problem, reply))
  const loading = { index: items.findIndex(({ kind }) => kind === 'foreign') }
  // In a context below: what throws again while Fastify sends the problem falls to the handler of the context above.
  app.register(async (context) => addChain(context, items, { events, replies, answers, loading }))
  try {
    await app.ready()
  } catch (error) {
    await app.close()
    throw new ForeignPluginError(loading.index, error)
  }
  return { isNative: false, handle: (raw, response) => app.routing(raw, response), close: () => app.close() }
}

interface Wiring {
  readonly events: EdgeEvents
  readonly replies: WeakMap<Exchange, FastifyReply>
  readonly answers: ForeignAnswers
  /** Which foreign plugin is being started. */
  readonly loading: { index: number }
}

async function addChain(context: FastifyInstance, items: readonly CompiledItem[], wiring: Wiring): Promise<void> {
  const { events, replies, answers, loading } = wiring
  context.decorateRequest('exchange', null)
  context.setErrorHandler((error, request, reply) => {
    answers.fail(exchangeOf(request.raw), foreignProblem(error), reply)
  })
  context.addHook('onRequest', async (request, reply) => {
    const exchange = exchangeOf(request.raw)
    Object.assign(request, { exchange })
    replies.set(exchange, reply)
    // An unparsable content-type would be answered 415 by Fastify; the exchange has its own copy for the upstream.
    // (QUERY must have one, RFC 10008 §2, which is the origin's to judge.)
    if (request.method === 'QUERY') request.raw.headers['content-type'] = 'application/octet-stream'
    else delete request.raw.headers['content-type']
  })
  context.addHook('onSend', async (request) => answers.begin(exchangeOf(request.raw)))
  const part = { context, events, replies, belowForeign: false }
  let from = 0
  for (const [index, item] of items.entries()) {
    if (item.kind !== 'foreign') continue
    addPart(part, from, index)
    loading.index = index
    await context.register(unscoped(item.plugin), item.options)
    part.belowForeign = true
    from = index + 1
  }
  addPart(part, from, items.length)
  context.addHook('onSend', async (request, reply, payload) => answers.finish(exchangeOf(request.raw), reply, payload))
  addCatchAll(context, (request) => events.finish(exchangeOf(request.raw)))
}

const skipOverride = Symbol.for('skip-override')
const pluginMeta = Symbol.for('plugin-meta')

/** What fastify-plugin does, without marking a function that is not ours, and with what it says about itself intact. */
function unscoped(plugin: FastifyPluginAsync): FastifyPluginAsync {
  const marked = (...args: Parameters<FastifyPluginAsync>) => plugin(...args)
  // Fastify tells plugins with a callback by their number of parameters.
  Object.defineProperty(marked, 'length', { value: plugin.length })
  return Object.assign(marked, {
    [skipOverride]: true,
    [pluginMeta]: (plugin as unknown as Record<symbol, unknown>)[pluginMeta],
  })
}

interface Part {
  readonly context: FastifyInstance
  readonly events: EdgeEvents
  readonly replies: WeakMap<Exchange, FastifyReply>
  readonly belowForeign: boolean
}

/** Where our steps between two foreign plugins run. What answers above the first foreign plugin does not pass through any. */
function addPart({ context, events, replies, belowForeign }: Part, from: number, to: number): void {
  if (from === to) return
  context.addHook('onRequest', (request, reply, done) => {
    const exchange = exchangeOf(request.raw)
    void events.runPart(exchange, from, to).then((outcome) => {
      if (outcome === 'on') {
        done()
        return
      }
      if (!belowForeign) {
        reply.hijack()
        replies.delete(exchange)
      }
      if (outcome === 'answered') events.answer(exchange)
      else events.fail(exchange, outcome)
    })
  })
}
