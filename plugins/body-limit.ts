/** Refuses request bodies over a size: by their declared length before a byte is read, else while they stream. */
import type { FromSchema } from 'json-schema-to-ts'
import { type Exchange, Problem, type Scope, size, type Traits } from '#gateway'

export const schema = {
  type: 'object',
  description: 'Refuses request bodies over a size with 413.',
  additionalProperties: false,
  required: ['max'],
  properties: {
    max: {
      type: 'string',
      examples: ['1MiB'],
      pattern: '^[0-9]+(\\.[0-9]+)?(B|KB|MB|GB|KiB|MiB|GiB)$',
      description: 'The largest request body that is let through.',
    },
  },
} as const

export const traits: Traits = { lazy: true, refuses: true }

const rejectionLabels = ['route', 'plugin', 'reason', 'mode']

export default function bodyLimit(scope: Scope, options: FromSchema<typeof schema>): void {
  const max = size(options.max)
  const observing = scope.item.mode === 'observe'
  // The runner counts what hooks refuse; a body that grows too long refuses itself when the hooks are over.
  const rejections = scope.metrics.counter('rejections_total', 'Requests that a plugin refused.', rejectionLabels)

  scope.addHook('onRequest', function limitBody({ exchange }) {
    const { body } = exchange.facts
    if (body.kind === 'none') {
      exchange.decide('skip', 'no-body')
      return
    }
    if (body.kind === 'chunked') {
      limitStream(exchange)
      return
    }
    // Node ends a body at its declared length (RFC 9112 §6.3), so one within the limit needs no counting.
    if (exchange.recording)
      exchange.decide(body.length > max ? 'refuse' : 'pass', reason(body.length), { length: body.length, max })
    if (body.length > max) throw tooLarge()
  })

  function limitStream(exchange: Exchange): void {
    const item = exchange.running
    let received = 0
    let refused = false
    exchange.decide('pass', 'counting', { max })
    exchange.upstreamRequest.tapBody(function count(chunk) {
      received += chunk.length
      if (received <= max || refused) return
      refused = true
      decideAs(exchange, item, { received, max })
      rejections.series(exchange.route?.name ?? '_none', item.plugin, 'body-too-large', scope.item.mode).inc()
      if (!observing) throw tooLarge()
      scope.log.info({ item: item.id, requestId: exchange.id, max }, 'body-limit would have refused a body')
    })
  }

  /** Long after the hook: the running item is another one by now. */
  function decideAs(exchange: Exchange, item: Exchange['running'], inputs: Readonly<Record<string, unknown>>): void {
    const { running } = exchange
    exchange.running = item
    exchange.decide('refuse', 'body-too-large', inputs)
    exchange.running = running
  }

  function reason(length: number): string {
    return length > max ? 'body-too-large' : 'within-limit'
  }

  function tooLarge(): Problem {
    return new Problem('body-too-large', `The request body is larger than the ${options.max} accepted here.`)
  }
}
