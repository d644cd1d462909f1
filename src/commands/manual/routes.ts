/** The manual of `sluice routes`. */
import { configOption, jsonOption, type Manual, noPluginsOption, notUnderstood } from './manual.ts'

export const routesManual = {
  name: 'routes',
  summary: 'List the routes with what they match, their chains and where they lead.',
  description: ['Prints one line for each route in the order of the file, global plugins included in its chain.'],
  words: [],
  options: { config: configOption, json: jsonOption, 'no-plugins': noPluginsOption },
  exits: { 0: 'The routes are listed.', 1: 'The file has mistakes.', 2: notUnderstood },
  examples: [
    { does: 'List the routes of gateway.yaml.', command: 'sluice routes' },
    { does: 'Give them to another program.', command: 'sluice routes --json' },
  ],
  see: ['docs/configuration.md'],
} as const satisfies Manual
