/** The manual of `sluice explain`. */
import { configOption, jsonOption, type Manual, noPluginsOption } from './manual.ts'

export const explainManual = {
  name: 'explain',
  summary: 'Say what would happen to a request, and why.',
  description: [
    'Says which route gets the request and why the others do not, what each plugin decides and from what, what the upstream ' +
      'would be sent, and what the client would be answered. The code that serves decides; nothing is sent.',
    'URL is a path, a host and a path, or a whole URL, taken byte for byte: quote it.',
  ],
  words: ['METHOD', 'URL'],
  options: {
    header: {
      type: 'string',
      short: 'H',
      multiple: true,
      default: [] as string[],
      value: "'name: value'",
      text: 'A header of the request; as often as needed.',
    },
    as: {
      type: 'string',
      value: 'CONSUMER',
      text: 'Who asks: a consumer of the file, whose credentials are taken as checked.',
    },
    claims: { type: 'string', value: 'JSON', text: 'What the token says, taken as verified.' },
    ip: {
      type: 'string',
      value: 'ADDRESS',
      text: 'Where the connection comes from. Else 192.0.2.1, which is nobody’s.',
    },
    listener: {
      type: 'string',
      value: 'NAME',
      text: 'Where it comes in. Else the listener that fits the URL, or the first.',
    },
    http: {
      type: 'string',
      value: 'VERSION',
      text: 'The version of HTTP: 1.1, or 1.0, in which a request may name no host. Else 1.1.',
    },
    body: { type: 'string', value: 'BYTES', text: 'The length of its body.' },
    config: configOption,
    json: jsonOption,
    'no-plugins': noPluginsOption,
  },
  exits: {
    0: 'The request is explained, whatever becomes of it.',
    1: 'The file has mistakes.',
    2: 'The command was not understood, or what was asked is no request.',
  },
  examples: [
    { does: 'Ask about a request without credentials.', command: 'sluice explain GET /orders/1' },
    { does: 'Ask as a consumer, with a header.', command: "sluice explain POST /orders --as shop -H 'x-tier: gold'" },
  ],
  see: ['docs/explain.md'],
} satisfies Manual
