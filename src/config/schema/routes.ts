/** Schema of `routes`, `chains` and `plugins`; what an item's options are is spliced in per plugin. */
import { choice, closed, flag, forms, list, named, type Schema, text } from './forms.ts'
import { fallback } from './resilience.ts'

const condition = forms('A value, several of which one must be there, `true` (present), or a map.', [
  text('Equal; one of the values where the field is repeated.'),
  list('Any of these.', text('A value.'), { minItems: 1 }),
  { type: 'boolean', const: true, description: 'Present.' },
  closed(
    'A pattern.',
    {
      prefix: text('What the value starts with.', { examples: ['beta-'] }),
      regex: text('What the whole value matches; RE2 syntax, anchored.', { examples: ['v[0-9]+'] }),
    },
    { minProperties: 1, maxProperties: 1 },
  ),
])

const match = forms('Which requests: `[METHODS ][host][/path]`, or a map.', [
  text('One blank between methods and the rest.', {
    examples: ['GET,POST api.example.com/orders/*', '/orders/{id}', '*.example.com'],
  }),
  closed('All of these.', {
    hosts: list('Hosts, without port.', text('`name`, `*.name` or an address.', { examples: ['api.example.com'] }), {
      minItems: 1,
    }),
    paths: list(
      'Patterns.',
      text('`/a` is exact, `/a/*` also all beneath it, `{id}` one segment.', { examples: ['/orders/*'] }),
      { minItems: 1 },
    ),
    methods: list('Methods, upper case. GET brings HEAD along.', text('A method.', { examples: ['GET'] }), {
      minItems: 1,
    }),
    headers: named('Conditions by header name.', condition),
    query: named('Conditions by query parameter.', condition),
  }),
])

const respond = closed('The gateway answers itself.', {
  status: { type: 'integer', minimum: 200, maximum: 599, default: 200, description: 'Status of the answer.' },
  headers: named('Headers of the answer.', text('The value.'), { default: {} }),
  body: { description: 'Text as it is; anything else as JSON.' },
})

const redirect = forms('The gateway sends the client elsewhere.', [
  text('The location.', { examples: ['https://www.example.com/new'] }),
  closed(
    'The location and the status.',
    {
      location: text('The location.', { examples: ['https://www.example.com/new'] }),
      status: { type: 'integer', enum: [301, 302, 303, 307, 308], default: 307, description: 'Status of the answer.' },
    },
    { required: ['location'] },
  ),
])

const share = closed(
  'One side of a split.',
  {
    upstream: text('Name of an upstream, or a URL.', { minLength: 1, examples: ['orders', 'http://10.0.0.1:3000'] }),
    weight: {
      type: 'integer',
      minimum: 0,
      maximum: 65_535,
      default: 1,
      description: 'Its share of the requests, against the others’. 0: none.',
      examples: [95],
    },
  },
  { required: ['upstream'] },
)

const split = closed(
  'What keeps requests on one side of a split; without it chance decides about each.',
  {
    by: text('`consumer`, `ip`, `header:NAME` or `cookie:NAME`. Requests without it go by client address.', {
      examples: ['consumer', 'cookie:session'],
    }),
  },
  { required: ['by'] },
)

/** `items` is the schema of one chain item. */
export function routes(items: Schema): Schema {
  const route = closed(
    'One route: what it matches, who may use it, and where it goes.',
    {
      match,
      on: list('Names of the listeners it is on; all without this key.', text('A listener.'), { minItems: 1 }),
      upstream: forms('Name of an upstream, or a URL; or a list of these that divide the requests.', [
        text('Name of an upstream, or a URL.', { minLength: 1, examples: ['orders', 'http://10.0.0.1:3000'] }),
        list('A split.', share, { minItems: 1 }),
      ]),
      split,
      fallback,
      respond,
      redirect,
      rewrite: text('Path for the upstream: `*` and `{name}` are what the match captured.', {
        examples: ['/v1/orders/*'],
      }),
      host: text('The Host that the upstream sees: `keep`, `target`, or a name.', { default: 'keep', minLength: 1 }),
      plugins: list('The chain: a request passes top to bottom, its answer bottom to top.', items, { default: [] }),
      without: list('Global items that this route leaves out.', text('A plugin or chain named under `plugins`.'), {
        default: [],
      }),
      public: text('Why nobody has to prove who they are here.', {
        pattern: '\\S',
        examples: ['the catalogue is for everybody'],
      }),
      slashes: choice('`keep`: runs of slashes are not merged.', ['merge', 'keep'], 'merge'),
      encodedSlash: choice('`keep`: %2F is let through, and stays encoded.', ['refuse', 'keep'], 'refuse'),
      aliasing: choice(
        '`allow`: paths that origins may read differently are let through.',
        ['refuse', 'allow'],
        'refuse',
      ),
      fallthrough: flag('A request that methods or conditions exclude goes on to less specific patterns.', false),
    },
    { required: ['match'] },
  )
  return named('The routes by name.', route)
}

export function chains(items: Schema): Schema {
  return named('Named pieces of chain, used by name in any `plugins`.', list('The items.', items), { default: {} })
}

export function globalPlugins(items: Schema): Schema {
  return list('Before the chain of every route, and for requests that match none.', items, { default: [] })
}
