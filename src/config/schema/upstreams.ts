/** Schema of `upstreams`. */
import { closed, count, duration, flag, forms, list, named, percentage, type Schema, text } from './forms.ts'
import { breaker, fallback, health, retries } from './resilience.ts'

const url = text(
  'http:// or https://, host, port and optionally a path that is joined in front; or `unix:` and the path of a socket. `builtin://echo` is the embedded origin.',
  {
    examples: ['http://10.0.0.1:3000', 'https://search.internal/v2', 'unix:/run/search.sock'],
  },
)

const target = forms('One address.', [
  url,
  closed(
    'One address with options.',
    {
      url,
      weight: {
        type: 'integer',
        minimum: 0,
        maximum: 65_535,
        default: 1,
        description: 'Its share of the requests, against the other targets’. 0: none.',
        examples: [3],
      },
    },
    { required: ['url'] },
  ),
])

const policy = text(
  '`round-robin`: in turn. `least-connections`: the one with the least to do. `random`: the better of two drawn.',
  { enum: ['round-robin', 'least-connections', 'random'] },
)

const hash = closed(
  'Requests with the same key go to the same target.',
  {
    hash: text('`header:NAME`, `cookie:NAME`, `ip`, `path` or `consumer`. Requests without it go by client address.', {
      examples: ['header:x-user', 'cookie:session', 'ip'],
    }),
  },
  { required: ['hash'] },
)

export const upstreamMap: Schema = closed(
  'Targets and how they are used.',
  {
    targets: list('The addresses.', target, { minItems: 1 }),
    balance: forms('How a target is chosen.', [policy, hash], { default: 'round-robin' }),
    panicThreshold: percentage('While fewer of the targets are up, all of them are used. `0%`: never.', '50%'),
    timeouts: closed(
      'How long each phase of a request may take.',
      {
        connect: duration('Until the connection stands, TLS included.', '2s'),
        response: duration('Until the head of the answer.', '30s'),
        idle: duration('Longest pause within the answer.', '60s'),
        total: duration(
          'Until the head of the answer, with all tries and the pauses between them. No limit without it.',
        ),
        stream: duration('Longest pause between two events of a `text/event-stream` answer.', '1h'),
        tunnel: duration('Longest silence of a WebSocket, both ways.', '1h'),
      },
      { default: {} },
    ),
    connections: closed(
      'Bounds, per target and for the whole process.',
      {
        max: count('Most connections that carry requests.', 256),
        idle: duration('How long an unused connection is kept.', '60s'),
        queue: { type: 'integer', minimum: 0, default: 1024, description: 'Most requests that wait for a connection.' },
        queueTimeout: duration('How long a request waits for a connection.', '5s'),
        tunnels: count('Most upgraded connections (WebSockets).', 10_000),
      },
      { default: {} },
    ),
    health,
    breaker,
    retries,
    fallback,
    tls: closed(
      'How https targets are verified.',
      {
        verify: flag('Off: any certificate is accepted. `check` warns.', true),
        serverName: text('The name that the certificate must have, when it is not the host of the URL.', {
          examples: ['orders.internal'],
          minLength: 1,
        }),
        ca: text('PEM file of the authorities that are believed instead of the system’s.', {
          examples: ['certs/ca.crt'],
        }),
        cert: text('PEM file with the certificate that we show, then its chain.', { examples: ['certs/gateway.crt'] }),
        key: text('PEM file with its private key.', { examples: ['certs/gateway.key'] }),
      },
      { default: {} },
    ),
  },
  { required: ['targets'] },
)

export const upstreams: Schema = named(
  'Where requests go: a URL, a list of URLs, or a map.',
  forms('One upstream.', [url, list('Targets, taken in turn.', target, { minItems: 1 }), upstreamMap]),
  { default: {} },
)
