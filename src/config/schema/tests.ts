/** Schema of `tests` and `reload`. */
import { closed, flag, forms, list, named, type Schema, text } from './forms.ts'

const nothing: Schema = { type: 'null', description: 'None.' }

function nameOrNone(description: string, example: string): Schema {
  return forms(description, [text('The name.', { examples: [example] }), nothing])
}

const value = forms('A value, or true (present) or false (absent).', [
  text('Equal; one of the values where the field is repeated.'),
  { type: 'boolean', description: 'Whether it is there.' },
])

const expectation = closed(
  'What the gateway has to decide; what is not named here may be anything.',
  {
    route: nameOrNone('The route that gets the request; null: none.', 'orders'),
    status: {
      type: 'integer',
      minimum: 100,
      maximum: 599,
      examples: [401],
      description: 'What the gateway itself answers. It has none where the request is forwarded.',
    },
    code: nameOrNone('The code of the problem; null: none.', 'credentials-missing'),
    upstream: nameOrNone('The upstream that the request is forwarded to; null: none.', 'orders'),
    target: text('Where it is forwarded to: path and query, the URL of a target, or both in one.', {
      examples: ['/v1/orders/1', 'http://10.0.0.1:3000', 'http://10.0.0.1:3000/v1/orders/1'],
    }),
    consumer: nameOrNone('Who is authenticated, by name or identity (`key:shop`); null: nobody.', 'shop'),
    plugin: nameOrNone('The plugin that refuses or answers; null: none.', 'rate-limit'),
    headers: named('Headers that the upstream is sent, or the client where the gateway itself answers.', value),
  },
  { minProperties: 1 },
)

const oneTest = closed(
  'A request, and what the gateway has to decide about it.',
  {
    name: text('What it is about. Without it the request and who asks.', {
      minLength: 1,
      examples: ['partners read orders'],
    }),
    request: text('`METHOD URL`: a path, a host and a path, or a whole URL.', {
      minLength: 1,
      examples: ['GET /orders/1', 'POST api.example.com/orders'],
    }),
    as: text('The consumer who asks; credentials are taken as checked.', { examples: ['shop'] }),
    claims: { type: 'object', description: 'What the token of who asks says, taken as verified.' },
    headers: named(
      'Request headers.',
      forms('A value, or several for a repeated field.', [
        text('The value.'),
        list('One field line each.', text('A value.'), { minItems: 1 }),
      ]),
    ),
    ip: text('The address that the connection comes from.', { default: '192.0.2.1' }),
    listener: text('Where it comes in; without it the listener that fits the URL, else the first.', {
      examples: ['public'],
    }),
    repeat: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 1,
      description: 'How often it is sent. What is expected is expected of the last one.',
    },
    expect: expectation,
  },
  { required: ['request', 'expect'] },
)

export const tests = list('Requests and what becomes of them: run by `sluice check`.', oneTest, { default: [] })

export const reload = closed('When a changed file is taken over.', {
  requireTests: flag('Only if all `tests` pass; at the start, too.', false),
})
