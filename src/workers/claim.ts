/**
 * Ports for workers to share. Each is bound exclusively first: with `reusePort` alone a second gateway on the same address
 * would start without a word and take half of the connections.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { addressKey } from '../listener/listener-set.ts'
import type { Order } from '../serving/server.ts'

/** By address key. */
export type Ports = ReadonlyMap<string, number>

/**
 * The ports of all listeners: the known ones, and those of new addresses, which are free unless another gateway is to leave
 * them. Rejects with Node's error when
 * an address cannot be bound.
 */
export async function claimPorts({ config, beside }: Pick<Order, 'config' | 'beside'>, known: Ports): Promise<Ports> {
  const ports = new Map<string, number>()
  const claims: Server[] = []
  try {
    for (const listener of config.listeners) {
      const key = addressKey(listener)
      const port = known.get(key) ?? (beside && listener.port !== 0 ? listener.port : undefined)
      if (port !== undefined) {
        ports.set(key, port)
        continue
      }
      const server = createServer()
      server.listen({ host: listener.host, port: listener.port, exclusive: true })
      await once(server, 'listening')
      claims.push(server)
      ports.set(key, (server.address() as AddressInfo).port)
    }
    return ports
  } finally {
    // All at once at the end: two listeners on one address must not pass each other by.
    await Promise.all(claims.map((server) => new Promise((released) => server.close(released))))
  }
}
