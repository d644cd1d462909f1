/** The manual of `sluice diff`. */
import { weakenings } from '../../diff/change.ts'
import { jsonOption, type Manual, noPluginsOption, notUnderstood } from './manual.ts'

export const diffManual = {
  name: 'diff',
  summary: 'Say in words what changes between two files, and what gets weaker.',
  description: [
    'Compares what two files mean, not how they are written, and marks what lets in more than before. Says also which ' +
      'connections, counts and caches a reload would keep.',
  ],
  words: ['OLD', 'NEW'],
  options: {
    json: jsonOption,
    'fail-on': {
      type: 'string',
      value: weakenings.join(','),
      text: 'End with 1 where one of these is found; any of them, with commas between.',
    },
    'no-plugins': noPluginsOption,
  },
  exits: {
    0: 'The files are compared.',
    1: 'A file has mistakes, or something got weaker that --fail-on names.',
    2: notUnderstood,
  },
  examples: [
    { does: 'Compare two files.', command: 'sluice diff gateway.yaml new.yaml' },
    {
      does: 'Fail where somebody may do without credentials who needed them before.',
      command: 'sluice diff gateway.yaml new.yaml --fail-on weaker-auth,new-public',
      exit: 1,
    },
  ],
  see: ['docs/changing.md'],
} as const satisfies Manual
