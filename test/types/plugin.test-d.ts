/** The plugin contract as the compiler sees it. Checked by `npm run types`, never run: each expected error must be one. */
import type { FromSchema } from 'json-schema-to-ts'
import type { Scope as PublishedScope } from 'sluice/plugin'
import {
  type Consumer,
  duration,
  type Exchange,
  HeaderList,
  type PluginModule,
  type PluginRequest,
  Problem,
  type Reply,
  type Scope,
  type Traits,
} from '#gateway'
import * as accessLog from '../../plugins/access-log.ts'
import * as acl from '../../plugins/acl.ts'
import * as apiKey from '../../plugins/api-key.ts'
import * as bodyLimit from '../../plugins/body-limit.ts'
import * as cache from '../../plugins/cache.ts'
import * as cors from '../../plugins/cors.ts'
import * as headers from '../../plugins/headers.ts'
import * as ipFilter from '../../plugins/ip-filter.ts'
import * as jwt from '../../plugins/jwt.ts'
import * as metrics from '../../plugins/metrics.ts'
import * as rateLimit from '../../plugins/rate-limit.ts'

declare const scope: Scope
declare const exchange: Exchange
declare const request: PluginRequest
declare const reply: Reply

/** What plugins are written like. */
export const modules: readonly PluginModule[] = [
  accessLog,
  acl,
  apiKey,
  bodyLimit,
  cache,
  cors,
  headers,
  ipFilter,
  jwt,
  metrics,
  rateLimit,
]

/** Both names of the contract are one. */
export const published: PublishedScope = scope

export function options(): void {
  const schema = {
    type: 'object',
    additionalProperties: false,
    required: ['window'],
    properties: { window: { type: 'string' }, mine: { type: 'boolean', default: false } },
  } as const
  const given: FromSchema<typeof schema> = { window: '1s', mine: true }
  duration(given.window) satisfies number
  // @ts-expect-error: an option that the schema does not have
  given.widow
  // @ts-expect-error: durations are text with units
  duration(30)
}

export function traits(): void {
  const good: Traits = { authenticates: true, optional: true, refuses: true, needs: ['consumer', 'record'] }
  const computed: Traits = { needs: ({ by }) => (by === 'consumer' ? ['consumer'] : []), answers: 'preflight' }
  // @ts-expect-error: a trait that nobody looks at
  const misspelt: Traits = { autenticates: true }
  // @ts-expect-error: a place in the chain that there is not
  const nowhere: Traits = { needs: ['first'] }
  // @ts-expect-error: an answer is given or not, or is a preflight's
  const sometimes: Traits = { answers: 'sometimes' }
  // @ts-expect-error: traits are not changed afterwards
  good.refuses = false
  use(good, computed, misspelt, nowhere, sometimes)
}

export function hooks(): void {
  scope.addHook('onRequest', ({ exchange: one }) => one.decide('pass', 'fine'))
  scope.addHook('onRequest', async (_request, answer) => answer.code(204).send())
  scope.addHook('onSend', (_request, answer) => answer.removeHeader('server'))
  scope.addHook('onSend', (_request, _answer, payload) => payload.pipe(process.stdout))
  // @ts-expect-error: what happens at the end is for exchange.onClose
  scope.addHook('onResponse', () => {})
  // @ts-expect-error: bodies pass on the way back only
  scope.addHook('onRequest', (_request, _answer, _payload) => {})
}

export function ofTheExchange(): void {
  exchange.upstreamRequest.headers.set('x-a', 'b')
  exchange.upstreamRequest.path = '/other'
  // @ts-expect-error: what the client sent is not changed
  exchange.facts.path = '/other'
  // @ts-expect-error: nor are its headers
  request.headers = {}
  // @ts-expect-error: a header list is edited, not replaced
  exchange.upstreamRequest.headers = new HeaderList()
  // @ts-expect-error: where no route matched there is none
  exchange.route.name
  // @ts-expect-error: nobody may be authenticated
  exchange.consumer.name
  // @ts-expect-error: verdicts are pass, refuse, answer and skip
  exchange.decide('deny', 'because')
  exchange.onClose((over) => over.outcome satisfies number)
}

export function problems(): void {
  const one = new Problem('forbidden', 'Not here.', { headers: ['x-a', 'b'], cause: new Error('why') })
  one.status satisfies number
  // @ts-expect-error: a code that the table does not have
  use(new Problem('no-such-code', 'What?'))
  // @ts-expect-error: a problem says what is wrong
  use(new Problem('forbidden'))
  // @ts-expect-error: what is wrong does not change
  one.detail = 'Something else.'
}

export function identity(): void {
  const who: Consumer = { source: 'key', name: 'shop', id: 'key:shop', groups: [], scopes: [], claims: {} }
  exchange.authenticate(who, { hideHeaders: ['x-api-key'], forward: ['x-user', 'shop'] })
  // @ts-expect-error: where the proof came from is one of a few
  use({ ...who, source: 'cookie' } satisfies Consumer)
  // @ts-expect-error: an identity has an id, which may be null
  exchange.authenticate({ source: 'key', name: 'shop', groups: [], scopes: [], claims: {} })
}

export function ofTheScope(): void {
  scope.carry('counts', () => new Map<string, number>()) satisfies Map<string, number>
  scope.metrics.counter('visits_total', 'Visits.', ['route']).series('home').inc()
  // @ts-expect-error: what is carried has an identity
  scope.carry('count', () => 1)
  // @ts-expect-error: the file says which item this is
  scope.item.mode = 'observe'
  reply.header('x-count', 1).code(200) satisfies Reply
}

function use(...values: readonly unknown[]): void {
  void values
}
