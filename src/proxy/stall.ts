/** A client that does not take what it was sent: waited for, but not for ever. */
import type { ClientResponse } from '../exchange/client.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { breakOff } from './break-off.ts'

/**
 * Call it after a write that had to be buffered, and after the end. When bytes wait and none of them moves for `idleMs`,
 * the answer is broken off. Node's socket timer is used, which sees every byte that the kernel takes.
 */
export function watchStall(exchange: Exchange, idleMs: number): void {
  const response = exchange.response!
  if (response.writableLength === 0) return
  const { socket } = response
  if (socket === null) {
    // Behind another answer on its connection: its turn comes.
    response.once('socket', () => watchStall(exchange, idleMs))
    return
  }
  if (socket.timeout !== idleMs) socket.setTimeout(idleMs)
  if (response.listenerCount('timeout') === 0) response.on('timeout', () => breakOff(exchange, response))
}

/** What waited is out. After the end nobody calls it: Node then sets a timer of its own, or closes. */
export function endStall(response: ClientResponse): void {
  response.socket?.setTimeout(0)
}
