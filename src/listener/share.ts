/** Addresses that two processes may serve at one time, while one takes over from the other. */
import { createServer } from 'node:net'

export interface Address {
  readonly host: string
  readonly port: number
}

/** Where the system hands each connection to one of those that listen. Elsewhere an address has one listener. */
export const sharesAddresses = process.platform === 'linux'

/**
 * Resolves when nobody listens there, and rejects with Node's error where somebody does. A shared port alone would let a second
 * gateway take half of the connections without a word.
 */
export async function claim({ host, port }: Address): Promise<void> {
  if (!sharesAddresses) return
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject)
    probe.listen({ host, port, exclusive: true }, resolve)
  })
  await new Promise((resolve) => probe.close(resolve))
}
