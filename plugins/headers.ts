/** Sets, adds and removes header fields of the forwarded request and of the answer, problems included. */
import type { FromSchema } from 'json-schema-to-ts'
import { type HeaderList, isFieldValue, isToken, type Scope, type Traits } from '#gateway'

const name = "^[!#$%&'*+\\-.^_`|~0-9A-Za-z]+$"
const fields = {
  type: 'object',
  propertyNames: { title: 'a header name', pattern: name },
  // No control bytes (RFC 9110 §5.5): a line break in a value would begin a new field.
  additionalProperties: {
    type: 'string',
    title: 'text without line breaks or other control bytes',
    maxLength: 8192,
    pattern: '^[\\t\\u0020-\\u007e\\u0080-\\u00ff]*$',
  },
} as const

const edits = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  properties: {
    remove: {
      type: 'array',
      items: { type: 'string', title: 'a header name', pattern: name, examples: ['server'] },
      description: 'Names of fields to take out. First.',
    },
    set: { ...fields, description: 'Fields with their only value; what was there is replaced.' },
    add: { ...fields, description: 'Fields to put beside what is there. Last.' },
  },
} as const

export const schema = {
  type: 'object',
  description:
    'Changes header fields of requests and answers. What frames a message, and what says who the client is, cannot be changed.',
  additionalProperties: false,
  minProperties: 1,
  properties: {
    request: { ...edits, description: 'Changes to what the upstream is sent.' },
    response: { ...edits, description: 'Changes to what the client is sent, by whoever made the answer.' },
  },
} as const

type Options = FromSchema<typeof schema>
type Edits = FromSchema<typeof edits>

export const traits: Traits = { lazy: true }

export default function headers(scope: Scope, options: Options): void {
  const request = options.request && compile(options.request, 'request')
  const response = options.response && compile(options.response, 'response')

  if (request !== undefined) {
    scope.addHook('onRequest', function editRequest({ exchange }) {
      if (exchange.route?.upstream != null) request(exchange.upstreamRequest.headers)
      exchange.decide('pass', 'request-edited')
    })
  }
  if (response !== undefined) {
    scope.addHook('onSend', function editResponse(_, reply) {
      response(reply.headers)
    })
  }
}

/** Of one connection, not of the message (RFC 9110 §7.6.1); with them goes the framing (RFC 9112 §6), which is the gateway's. */
const connectionFields = [
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** Why a field may not be edited; undefined when it may. */
function refusal(name: string, side: 'request' | 'response'): string | undefined {
  // Many origins take `_` and `-` for the same.
  const plain = name.toLowerCase().replaceAll('_', '-')
  if (connectionFields.includes(plain)) return 'it belongs to the connection, which the gateway manages'
  if (plain === 'via') return 'the gateway finds loops by it'
  if (side === 'response') return undefined
  if (plain === 'host') return 'the `host` of the route says what the upstream sees'
  if (plain === 'x-consumer' || plain.startsWith('x-consumer-')) return 'only an authenticator says who the consumer is'
  if (plain === 'proxy-authorization' || plain === 'proxy' || plain === 'http2-settings' || plain === 'expect') {
    return 'the gateway does not forward it'
  }
  return undefined
}

/** The edits as one function. Throws on a field that is not the config's to change. */
function compile(edits: Edits, side: 'request' | 'response'): (headers: HeaderList) => void {
  const remove = (edits.remove ?? []).map((name) => checked(name, side))
  const set = Object.entries(edits.set ?? {}).map(
    ([name, value]) => [checked(name, side), checkedValue(value)] as const,
  )
  const add = Object.entries(edits.add ?? {}).map(
    ([name, value]) => [checked(name, side), checkedValue(value)] as const,
  )

  return (headers) => {
    for (const name of remove) headers.delete(name)
    for (const [name, value] of set) headers.set(name, value)
    for (const [name, value] of add) headers.append(name, value)
  }
}

/** The name in lower case. */
function checked(name: string, side: 'request' | 'response'): string {
  const reason = isToken(name) ? refusal(name, side) : 'it is no header name'
  if (reason !== undefined) throw new Error(`the ${side} header "${name}" cannot be edited: ${reason}`)
  return name.toLowerCase()
}

// The value itself may come from a secret: it is not in the message.
function checkedValue(value: string): string {
  if (!isFieldValue(value)) throw new Error('a header value has a line break or another control character')
  return value.trim()
}
