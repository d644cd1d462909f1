/** The manual of `sluice check`. */
import { configOption, jsonOption, type Manual, noPluginsOption, notUnderstood } from './manual.ts'

export const checkManual = {
  name: 'check',
  summary: 'Find every mistake in the file, run its tests, and list what is public.',
  description: [
    'Reports all mistakes at once, each with line and column, as a start or a reload would; then runs the `tests:` of the ' +
      'file. Nothing is bound, and no upstream is asked.',
    'A file that is fine is summed up: which routes anybody may use and why, and which share cached answers between consumers.',
  ],
  words: [],
  options: {
    config: configOption,
    json: jsonOption,
    strict: { type: 'boolean', default: false, text: 'Let warnings end with 1, too.' },
    'no-plugins': noPluginsOption,
  },
  exits: { 0: 'The file is fine.', 1: 'It has mistakes, or a test fails.', 2: notUnderstood },
  examples: [
    { does: 'Check gateway.yaml.', command: 'sluice check' },
    { does: 'Check a file in a pipeline, warnings included.', command: 'sluice check --config new.yaml --strict' },
    { does: 'See what is wrong with a broken one.', command: 'sluice check --config broken.yaml', exit: 1 },
  ],
  see: ['docs/configuration.md', 'docs/explain.md'],
} as const satisfies Manual
