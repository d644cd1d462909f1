/** The manual of `sluice import`. */
import { type Manual, notUnderstood } from './manual.ts'

export const importManual = {
  name: 'import',
  summary: 'Make a gateway.yaml from a file of Kong’s or an OpenAPI document.',
  description: [
    'Prints the config, and on standard error what was not carried over. A route that cannot be carried over safely answers ' +
      '503 until it is completed by hand; one that nobody authenticates for says so under `public`.',
  ],
  words: ['FORMAT', 'FILE'],
  forms: ['import kong FILE [--output FILE]', 'import openapi FILE [--output FILE]'],
  options: {
    output: { type: 'string', value: 'FILE', text: 'Write the config there; a file that exists is not replaced.' },
  },
  exits: {
    0: 'Imported, with whatever the report says.',
    1: 'The file cannot be read, or is of another format.',
    2: notUnderstood,
  },
  examples: [
    { does: 'Import Kong’s declarative config.', command: 'sluice import kong kong.yml --output imported.yaml' },
    { does: 'See what an API becomes.', command: 'sluice import openapi openapi.yaml' },
  ],
  see: ['docs/importing.md'],
} as const satisfies Manual
