/**
 * Writes one JSON line for each exchange when it is over: what was asked, what was decided and from what, what came of
 * it. Holds enough for `sluice replay` to decide again; of secrets only the start of a hash.
 */
import type { FromSchema } from 'json-schema-to-ts'
import type { Exchange, Scope, Traits } from '#gateway'
import { Destination, locate } from './access-log/destination.ts'
import { recordLine } from './access-log/record.ts'
import { Redaction } from './access-log/redaction.ts'

export const schema = {
  type: 'object',
  description: 'Writes one line of JSON for each request when it is over. Put it first, so that it sees everything.',
  additionalProperties: false,
  properties: {
    to: {
      type: 'string',
      minLength: 1,
      default: 'stdout',
      description: '`stdout`, `stderr`, or a file that lines are appended to; a relative path starts at the config.',
    },
    headers: {
      type: 'array',
      items: {
        type: 'string',
        title: 'a header name',
        pattern: "^[!#$%&'*+\\-.^_`|~0-9A-Za-z]+$",
        examples: ['user-agent'],
      },
      default: [],
      description: 'Request headers to log besides those that the config reads. Secret ones are hashed.',
    },
  },
} as const

export const traits: Traits = { needs: ['record'] }

export default function accessLog(scope: Scope, options: FromSchema<typeof schema>): void {
  const to = locate(options.to, scope.folder)
  const destination = scope.carry(`destination ${to}`, () => new Destination(to, scope))
  const parts = { reads: [...scope.reads, ...options.headers.map((name) => `header:${name.toLowerCase()}`)] }
  // Carried by all it depends on, so that the same item in two chains of one route writes one line.
  const key = `recorder ${JSON.stringify([to, parts.reads, scope.secrets])}`
  const recorder = scope.carry(key, () => new Recorder(destination, new Redaction(parts.reads, scope.secrets)))

  scope.addHook('onRequest', function watch({ exchange }) {
    if (!exchange.dry) exchange.onClose(recorder.write)
    exchange.decide('skip', 'logs-at-the-end')
  })
}

class Recorder {
  readonly #destination: Destination
  readonly #redaction: Redaction

  constructor(destination: Destination, redaction: Redaction) {
    this.#destination = destination
    this.#redaction = redaction
  }

  readonly write = (exchange: Exchange): void => {
    this.#destination.write(recordLine(exchange, this.#redaction))
  }
}
