/** Schema of `store`: where counters live, and how long the gateway waits for it. */
import { choice, closed, duration, forms, text } from './forms.ts'

const url = text(
  'redis:// or rediss:// (TLS), with user and password where Redis asks for them: `rediss://user:password@host:6379/0`.',
  { examples: ['redis://10.0.0.5:6379/0', `\${env:REDIS_URL}`] },
)

export const storeMap = closed(
  'Redis, with options.',
  {
    redis: url,
    timeout: duration('How long a request waits for Redis before the gateway goes on without it.', '50ms'),
    onFailure: choice(
      "What limits do while Redis does not answer, unless they say so themselves: count this node's share of the limit here, let everything pass, or refuse with 503.",
      ['local', 'allow', 'deny'],
      'local',
    ),
    keyGrace: duration('How long API keys that were read from Redis go on to work while it does not answer.', '1h'),
    prefix: text('What the names of our keys in Redis begin with. Gateways with the same prefix are one fleet.', {
      pattern: '^[A-Za-z0-9._:-]{1,64}$',
      default: 'sluice:',
    }),
    tls: closed(
      'How the certificate of a rediss:// server is checked.',
      {
        ca: text('PEM file with the authorities to trust instead of the system ones.', {
          examples: ['certs/redis.crt'],
        }),
        serverName: text('The name that its certificate is for, where it is not the host of the URL.', {
          examples: ['redis.internal'],
        }),
      },
      { default: {} },
    ),
  },
  { required: ['redis'] },
)

export const store = forms(
  'Where limits are counted: in the memory of this gateway, or in a Redis that several gateways share.',
  [text('`memory`, or the URL of a Redis.', { examples: ['memory', 'redis://10.0.0.5:6379/0'] }), storeMap],
  { default: 'memory', examples: ['memory', 'redis://10.0.0.5:6379/0'] },
)
