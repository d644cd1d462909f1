/** The manual of `sluice schema`. */
import { type Manual, notUnderstood } from './manual.ts'

export const schemaManual = {
  name: 'schema',
  summary: 'Write the JSON Schema of the file, for editors.',
  description: [
    'The schema describes every key of the file and every option of the built-in plugins. Editors that know it complete keys, ' +
      'show what they mean and mark mistakes. What several keys say together is checked by `sluice check` alone.',
  ],
  words: [],
  options: { output: { type: 'string', value: 'FILE', text: 'Write it there instead of printing it.' } },
  exits: { 0: 'Written.', 1: 'The file cannot be written.', 2: notUnderstood },
  examples: [{ does: 'Put it beside the config.', command: 'sluice schema --output gateway.schema.json' }],
  see: ['docs/configuration.md'],
} as const satisfies Manual
