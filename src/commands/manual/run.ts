/** The manual of `sluice run`. */
import { configOption, type Manual, notUnderstood } from './manual.ts'

export const runManual = {
  name: 'run',
  summary: 'Serve what the file says, and take over what changes in it.',
  description: [
    'Loads the file, binds its addresses and serves until it is told to stop. Prints where it listens and requests to try.',
    'A changed file or SIGHUP reloads; a file with mistakes is reported and leaves what runs as it is. SIGTERM lets open ' +
      'requests end, SIGINT does not wait for them as long; a second signal ends at once.',
  ],
  words: [],
  options: {
    config: configOption,
    takeover: {
      type: 'boolean',
      default: false,
      text: 'Start beside the gateway that runs with the same admin address, then have it leave. Linux only.',
    },
  },
  exits: {
    0: 'It was told to stop, and has.',
    1: 'The file has mistakes, or an address cannot be had.',
    2: notUnderstood,
  },
  examples: [
    { does: 'Serve gateway.yaml.', command: 'sluice run' },
    { does: 'Serve another file in place of a gateway that runs.', command: 'sluice run --config new.yaml --takeover' },
  ],
  see: ['docs/operations.md', 'docs/configuration.md'],
} as const satisfies Manual
