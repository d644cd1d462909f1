/** Schema of `upstreams`. */
import { choice, closed, count, duration, flag, forms, list, named, type Schema, text } from './forms.ts'

const url = text(
  'http:// or https://, host, port and optionally a path that is joined in front. `builtin://echo` is the embedded origin.',
  {
    examples: ['http://10.0.0.1:3000', 'https://search.internal/v2'],
  },
)

const target = forms('One address.', [
  url,
  closed(
    'One address with options.',
    { url, weight: { type: 'integer', minimum: 1, default: 1, description: 'Its share of the requests.' } },
    { required: ['url'] },
  ),
])

export const upstreamMap: Schema = closed(
  'Targets and how they are used.',
  {
    targets: list('The addresses.', target, { minItems: 1 }),
    balance: choice('How a target is chosen.', ['round-robin'], 'round-robin'),
    timeouts: closed(
      'How long each phase of a request may take.',
      {
        connect: duration('Until the connection stands, TLS included.', '2s'),
        response: duration('Until the head of the answer.', '30s'),
        idle: duration('Longest pause within the answer.', '60s'),
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
    tls: closed(
      'How https targets are verified.',
      {
        verify: flag('Off: any certificate is accepted. `check` warns.', true),
        serverName: text('The name that the certificate must have, when it is not the host of the URL.', {
          minLength: 1,
        }),
        ca: text('PEM file of the authorities that are believed instead of the system’s.', {
          examples: ['certs/ca.crt'],
        }),
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
