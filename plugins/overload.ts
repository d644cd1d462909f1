/** Sheds load: refuses requests with 503 while the thread that serves them is too busy, or memory runs out. */
import type { FromSchema } from 'json-schema-to-ts'
import { duration, Problem, percentage, type Scope, size, type Traits } from '#gateway'
import { type Bound, Sampler } from './overload/sampler.ts'

const sizePattern = '^[0-9]+(\\.[0-9]+)?(B|KB|MB|GB|KiB|MiB|GiB)$'
const durationPattern = '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$'

export const schema = {
  type: 'object',
  description: 'Refuses requests with 503 while the gateway is too busy.',
  additionalProperties: false,
  properties: {
    maxEventLoopDelay: {
      type: 'string',
      pattern: durationPattern,
      default: '500ms',
      description:
        'How late a thread may get to its work (the delay of its event loop), on average over the last quarter of a second.',
    },
    maxEventLoopUtilization: {
      type: 'string',
      examples: ['98%'],
      pattern: '^[0-9]+(\\.[0-9]+)?%$',
      description: 'How busy a thread may be. A busy gateway is not yet a slow one: choose a value close to 100%.',
    },
    maxHeap: {
      type: 'string',
      pattern: sizePattern,
      description: 'How much of its JavaScript heap a thread may use.',
      examples: ['1GiB'],
    },
    maxRss: {
      type: 'string',
      pattern: sizePattern,
      description: 'How much memory the whole process may have (resident).',
      examples: ['2GiB'],
    },
    retryAfter: {
      type: 'string',
      pattern: durationPattern,
      default: '5s',
      description: 'What the refused are told to wait, in whole seconds.',
    },
  },
} as const

type Options = FromSchema<typeof schema>

export const traits: Traits = { refuses: true }

export default function overload(scope: Scope, options: Options): void {
  const sampler = scope.carry('sampler', () => new Sampler())
  const watch = sampler.watch(boundsOf(options))
  scope.onClose(() => sampler.forget(watch))
  const headers = ['retry-after', String(Math.max(1, Math.ceil(duration(options.retryAfter) / 1000)))]

  scope.addHook('onRequest', function shedLoad({ exchange }) {
    // What the gateway is like when it is asked to explain says nothing about when a request comes.
    const passed = exchange.dry ? null : watch.passed
    if (passed === null) {
      exchange.decide('pass', 'within-bounds')
      return
    }
    if (exchange.recording) exchange.decide('refuse', 'overloaded', { ...passed })
    throw new Problem('overloaded', 'The gateway has more to do than it can at the moment.', { headers })
  })
}

function boundsOf(options: Options): Bound[] {
  const { maxEventLoopDelay, maxEventLoopUtilization, maxHeap, maxRss } = options
  const utilization = maxEventLoopUtilization === undefined ? null : percentage(maxEventLoopUtilization)
  if (utilization !== null && utilization > 1) {
    throw new RangeError(`expected at most 100%, found "${maxEventLoopUtilization}"`)
  }
  const bounds: readonly (Bound | null)[] = [
    { signal: 'eventLoopDelay', max: duration(maxEventLoopDelay) },
    utilization === null ? null : { signal: 'eventLoopUtilization', max: utilization },
    maxHeap === undefined ? null : { signal: 'heap', max: size(maxHeap) },
    maxRss === undefined ? null : { signal: 'rss', max: size(maxRss) },
  ]
  const given = bounds.filter((bound) => bound !== null)
  const empty = given.find(({ max }) => max === 0)
  if (empty !== undefined) throw new RangeError(`a bound of 0 for ${empty.signal} would refuse everything`)
  return given
}
