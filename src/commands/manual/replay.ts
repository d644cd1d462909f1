/** The manual of `sluice replay`. */
import { configOption, jsonOption, type Manual, noPluginsOption } from './manual.ts'

export const replayManual = {
  name: 'replay',
  summary: 'Say what a file would have done to the requests of an access log.',
  description: [
    'Decides about each request of LOG again, as the file would, and reports what would end otherwise: lost routes, new ' +
      'refusals, requests that are let through, other upstreams. Nothing is sent. LOG is what the plugin access-log wrote; it ' +
      'may be packed by gzip, in a file whose name ends in .gz.',
  ],
  words: ['LOG'],
  options: { config: configOption, json: jsonOption, 'no-plugins': noPluginsOption },
  exits: {
    0: 'The log is replayed, whatever would change.',
    1: 'The file has mistakes, or the log cannot be read, or is none of access-log.',
    2: 'The command was not understood: nothing was done.',
  },
  examples: [{ does: 'Try a new file on what was asked.', command: 'sluice replay access.log --config new.yaml' }],
  see: ['docs/changing.md', 'docs/plugins.md'],
} as const satisfies Manual
