/** The end of an answer that cannot be completed. */
import type { ClientResponse } from '../exchange/client.ts'
import type { Exchange } from '../exchange/exchange.ts'

/**
 * Ends an answer so that it never looks complete. An HTTP/1.0 client reads to the end of the
 * connection, so only a reset tells it (RFC 9112 §8).
 */
export function breakOff(exchange: Exchange, response: ClientResponse): void {
  exchange.aborted = true
  const { socket } = response
  const plain = socket !== null && !('encrypted' in socket)
  if (plain && exchange.raw?.httpVersionMinor === 0) socket.resetAndDestroy()
  else response.destroy()
}
