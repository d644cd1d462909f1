/** The manual of `sluice help`. */
import type { Manual } from './manual.ts'

export const helpManual = {
  name: 'help',
  summary: 'Say what there is, how a command is called, or what a plugin does and takes.',
  description: [
    'Without words lists commands and plugins. `sluice COMMAND --help` is the same as `sluice help COMMAND`.',
    '`sluice --version` says which version this is.',
  ],
  words: [],
  forms: ['help', 'help COMMAND', 'help plugin', 'help plugin NAME'],
  options: {},
  exits: { 0: 'The help is shown.', 2: 'There is no such command or plugin.' },
  examples: [
    { does: 'Read about a command.', command: 'sluice help check' },
    { does: 'See every option of a plugin.', command: 'sluice help plugin rate-limit' },
  ],
  see: ['docs/commands.md', 'docs/plugins.md'],
} as const satisfies Manual
