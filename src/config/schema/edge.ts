/** Schema of the keys about the gateway itself: where it listens, whom it believes, what it bounds. */
import { closed, count, duration, forms, list, named, type Schema, size, text } from './forms.ts'

const listenerUrl = text('http:// or https://, address and port. https needs `certificates`, so the long form.', {
  examples: ['http://0.0.0.0:8080'],
})

const listener = forms('One address that clients connect to.', [
  listenerUrl,
  closed(
    'A listener with options.',
    {
      url: listenerUrl,
      certificates: list(
        'Certificates of an https listener, chosen by the name that the client asks for; the first where none has it.',
        closed(
          'One certificate.',
          {
            cert: text('PEM file with the certificate, then its chain.', { examples: ['certs/api.crt'] }),
            key: text('PEM file with the private key.', { examples: ['certs/api.key'] }),
          },
          { required: ['cert', 'key'] },
        ),
        { minItems: 1 },
      ),
      clientCa: text('PEM file of the authorities that sign client certificates: asks clients for one, for `mtls`.', {
        examples: ['certs/clients.crt'],
      }),
    },
    { required: ['url'] },
  ),
])

export const listen = forms(
  'Where clients connect: a URL, a list of URLs and maps, or a map of names to them (routes say `on: [name]`).',
  [
    listenerUrl,
    list('Listeners without names of their own.', listener, { minItems: 1 }),
    named('Listeners by name.', listener, { minProperties: 1 }),
  ],
  { default: 'http://0.0.0.0:8080', examples: ['http://0.0.0.0:8080'] },
)

const adminUrl = text('http://, address and port. Off loopback a token is required.', {
  default: 'http://127.0.0.1:9090',
})

export const adminMap = closed('The admin listener with options.', {
  url: adminUrl,
  token: text('Bearer token that the API asks for; 16 characters or more.', {
    minLength: 16,
    secret: true,
    examples: [`\${env:ADMIN_TOKEN}`],
  }),
  hosts: list('Names that the Host header may have, besides IP literals and localhost.', text('A host name.'), {
    default: [],
  }),
  metrics: {
    type: 'string',
    enum: ['open', 'token'],
    default: 'token',
    description: '`open`: /metrics needs no token.',
  },
})

export const admin = forms(
  'Where health, metrics and the API are.',
  [text('http://, address and port.', { examples: ['http://127.0.0.1:9090'] }), adminMap],
  { default: 'http://127.0.0.1:9090', examples: ['http://127.0.0.1:9090'] },
)

const cidr = text('An address or CIDR.', { examples: ['10.0.0.0/8', '::1'] })

export const trustedProxies = forms(
  'The proxies in front of us. The rightmost address of the header that is not one of them is the client.',
  [
    list('Addresses and CIDRs; `x-forwarded-for` is believed.', cidr),
    closed(
      'Proxies, and the one header of theirs that is believed.',
      {
        from: list('Addresses and CIDRs.', cidr),
        header: text('The header that is believed.', { default: 'x-forwarded-for', examples: ['x-real-ip'] }),
      },
      { required: ['from'] },
    ),
  ],
  { default: [] },
)

export const limits = closed(
  'What a client may use. Bodies stream and are bounded by the plugin `body-limit`.',
  {
    requestLine: size('Longest request line.', '8KiB'),
    headerBytes: size('Most bytes of a request head.', '16KiB'),
    headers: count('Most header lines of a request.', 100),
    headTimeout: duration('Longest time a request head may take to arrive.', '10s'),
    bodyIdle: duration('Longest pause within a request body.', '30s'),
    idleTimeout: duration('How long an idle connection is kept.', '75s'),
    connections: count('Most client connections at one time.', 10_000),
  },
  { default: {} },
)

export const shutdown = closed(
  'How it stops on SIGTERM.',
  {
    delay: duration('How long new connections are still served while /readyz says 503.', '5s'),
    deadline: duration('How long open requests may take after that.', '30s'),
  },
  { default: {} },
)

export const dns = closed(
  'How the names of targets become addresses. Without servers the resolver of the system is asked, as by other programs.',
  {
    servers: list(
      'Name servers to ask instead. The hosts file and search domains do not count then.',
      text('An address, with a port where it is not 53.', { examples: ['10.96.0.10', '127.0.0.1:8600'] }),
      { minItems: 1 },
    ),
    timeout: duration('How long a server may take; it is asked twice.', '2s'),
    refresh: duration('How long an answer of the system is used; it does not say how long it lives.', '10s'),
    minTtl: duration('Least time that an answer of a server is used, whatever it says.', '1s'),
    maxTtl: duration('Longest time that an answer of a server is used, whatever it says.', '5m'),
  },
  { default: {} },
)

const key = text('sha256: and 64 hex digits, as `sluice key new NAME` prints them. Never the key itself.', {
  examples: [`sha256:${'0'.repeat(64)}`],
})

const consumer = closed('One consumer.', {
  groups: list('Groups that `acl` may ask for.', text('A group.', { minLength: 1, examples: ['partner'] }), {
    default: [],
  }),
  keys: list(
    'Hashes of its API keys.',
    forms('One key.', [
      key,
      closed(
        'A key with a life of its own.',
        {
          hash: key,
          id: text('A name for the key, shown in logs.', { minLength: 1, maxLength: 64, examples: ['shop-2027'] }),
          expires: text('The key is refused from this time on.', { examples: ['2027-01-31', '2027-01-31T12:00:00Z'] }),
        },
        { required: ['hash'] },
      ),
    ]),
    { default: [] },
  ),
  jwt: closed(
    'Tokens that are this consumer.',
    {
      issuer: text('The `iss` claim.', { minLength: 1, examples: ['https://id.example.com'] }),
      sub: text('The value of the consumer claim.', { minLength: 1, examples: ['shop'] }),
    },
    { required: ['issuer', 'sub'] },
  ),
  certificates: list(
    'Client certificates that are this consumer, by a name that they have.',
    text('sha256: and the fingerprint, or uri:, dns: or email: and such a name, or cn: and the common name.', {
      examples: ['uri:spiffe://example.com/shop', 'dns:shop.internal', 'cn:shop'],
    }),
    { default: [] },
  ),
})

export const consumers: Schema = named('Who may call; the name is the identity.', consumer, { default: {} })
