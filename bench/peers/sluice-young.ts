/** Sluice with a larger young generation, to see what the flags are worth. Not the figure that counts: npm start sets none. */
import { sluicePeer } from './sluice.ts'

export const peer = sluicePeer('sluice-young', ['--min-semi-space-size=32', '--max-semi-space-size=64'])
