/** Schemas of what an upstream does about failure: `health`, `breaker`, `retries`, `fallback`. */
import { retryCauses } from '../resilience.ts'
import { choice, closed, count, duration, forms, list, named, percentage, type Schema, size, text } from './forms.ts'

function statuses(description: string, fallback: readonly (number | string)[]): Schema {
  const one = forms('A status, or several.', [
    { type: 'integer', minimum: 100, maximum: 599, description: 'One status.' },
    text('A class, or a range.', {
      pattern: '^([1-5]xx|[1-5][0-9][0-9]-[1-5][0-9][0-9])$',
      examples: ['2xx', '500-504'],
    }),
  ])
  return list(description, one, { default: fallback })
}

const passive = closed('What the traffic itself says about a target. A map without keys switches it on.', {
  failures: count('Attempts in a row without an answer that eject a target.', 5),
  errorRatio: percentage('Share of errors (no answer, or 500, 502, 503, 504) within `window` that ejects it.', '50%'),
  minRequests: count('Fewer requests within `window` than this say nothing about a share.', 20),
  window: duration('What is looked back on.', '10s'),
  ejection: duration('How long the first ejection lasts; each one after it is longer by as much.', '10s'),
  maxEjection: duration('The longest ejection.', '5m'),
  maxEjected: percentage('Largest share of the targets that is ejected at a time. The last one never is.', '50%'),
})

export const health = closed(
  'Which targets are fit for requests: probed with `path`, judged by their traffic with `passive`, or both.',
  {
    path: text('Path, and query, of the probes. Each target is probed on connections of their own.', {
      pattern: '^/[\\x21-\\x7e]*$',
      examples: ['/healthz'],
    }),
    interval: duration('Pause between two probes of a target, give or take a tenth.', '5s'),
    timeout: duration('How long a probe may take, connecting included.', '2s'),
    unhealthyAfter: count('Failed probes in a row after which a target is down.', 3),
    healthyAfter: count('Good probes in a row after which it is up again.', 2),
    status: statuses('What a healthy target answers.', ['2xx']),
    method: choice('Method of the probes.', ['GET', 'HEAD'], 'GET'),
    host: text('Host of the probes, when it is not that of the target.', {
      minLength: 1,
      examples: ['orders.internal'],
    }),
    headers: named('Further headers of the probes.', text('The value.')),
    port: {
      type: 'integer',
      minimum: 1,
      maximum: 65535,
      examples: [9000],
      description: 'Port of the probes, when it is another.',
    },
    passive,
  },
)

export const breaker = closed(
  'Circuit breaker of each target: open, it is sent nothing; after a while one request at a time tries it again.',
  {
    failures: count('So many in a row open it, and so many within `window` if they are also `errorRatio` of it.', 5),
    window: duration('What is looked back on.', '10s'),
    errorRatio: percentage('Least share of failures within `window`.', '20%'),
    open: duration('How long it stays open before a trial.', '30s'),
  },
)

export const retries = closed('Further tries, on another target where there is one.', {
  attempts: { type: 'integer', minimum: 0, maximum: 10, default: 2, description: 'Tries after the first.' },
  budget: percentage(
    'Most retries, as a share of the requests of the last 10 s; 3 a second are always allowed.',
    '20%',
  ),
  on: list(
    'Which failures: no connection, connection closed without an answer, no answer in time, one of `statuses`.',
    choice('A kind of failure.', retryCauses),
    { minItems: 1, default: retryCauses },
  ),
  statuses: statuses('Answers that are failures.', [502, 503, 504]),
  backoff: closed(
    'The pause before a retry, drawn at random up to `base`, twice that for the next one, and so on.',
    {
      base: duration('Longest pause before the first retry.', '25ms'),
      max: duration('Longest pause of all.', '250ms'),
    },
    { default: {} },
  ),
  perTry: duration('How long one try may take until the head of its answer. `timeouts` hold beside it.'),
  bodyBuffer: size('Largest request body that is kept to be sent again.', '64KiB'),
})

export const fallback = forms('The upstream that stands in when this one does not answer.', [
  text('Its name, or a URL.', { minLength: 1, examples: ['orders-standby', 'http://10.0.0.9:3000'] }),
  closed(
    'Its name, and when.',
    {
      upstream: text('Its name, or a URL.', { minLength: 1, examples: ['orders-standby', 'http://10.0.0.9:3000'] }),
      statuses: statuses('Answers that are taken for none.', []),
    },
    { required: ['upstream'] },
  ),
])
