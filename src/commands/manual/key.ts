/** The manual of `sluice key`. */
import { jsonOption, type Manual } from './manual.ts'

export const keyManual = {
  name: 'key',
  summary: 'Make API keys for the file or for a store; list and revoke those in a store.',
  description: [
    '`key new` makes a key for the consumer NAME and shows it once; only its hash is kept. Without --store the hash goes into ' +
      'the file by hand. With it the key works on all gateways that share the store within a second, and `key revoke` ends it ' +
      'as fast.',
    `A URL may be \${env:NAME} or \${file:path}, in single quotes, so that no password stands on the command line.`,
  ],
  words: ['new', 'NAME'],
  forms: [
    'key new NAME [--json] [--store URL [--groups A,B] [--expires TIME] [--id ID]]',
    'key list --store URL [--json]',
    'key revoke ID --store URL',
  ],
  options: {
    json: jsonOption,
    store: { type: 'string', value: 'URL', text: 'The Redis that the gateways share, as `store` of the file has it.' },
    prefix: {
      type: 'string',
      default: 'sluice:',
      value: 'TEXT',
      text: 'What names in it begin with, as `store.prefix` has it.',
    },
    groups: { type: 'string', value: 'A,B', text: 'Groups of whoever has the key, instead of those in the file.' },
    expires: { type: 'string', value: 'TIME', text: 'The key is refused from then on: 2027-01-31T12:00:00Z.' },
    id: { type: 'string', value: 'ID', text: 'What logs and `key revoke` call it. Else one is made.' },
  },
  exits: {
    0: 'Done.',
    1: 'The store cannot be used, or has no such key.',
    2: 'The command was not understood: nothing was done.',
  },
  examples: [
    { does: 'Make a key for the file.', command: 'sluice key new shop' },
    {
      does: 'Make one in the store.',
      command: `sluice key new shop --store '\${env:REDIS_URL}' --groups partner --id shop-2027`,
    },
    { does: 'See who has keys there.', command: `sluice key list --store '\${env:REDIS_URL}'` },
    { does: 'End one.', command: `sluice key revoke shop-2027 --store '\${env:REDIS_URL}'` },
  ],
  see: ['docs/configuration.md', 'docs/redis.md'],
} as const satisfies Manual
