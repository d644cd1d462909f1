/** The end of a connection whose client may still be sending. */
import type { Socket } from 'node:net'

/** How long a closing connection is read after its client fell silent, and at most. */
const SILENCE_MS = 1000
const LINGER_MS = 10_000

/**
 * Says the last words and goes on reading until the client has stopped: a reset, which is what closing a connection
 * with unread bytes comes to, would take the answer from a client that is still sending (RFC 9112 §9.6).
 */
export function linger(socket: Socket, lastWords: string): void {
  socket.end(lastWords)
  socket.resume()
  socket.setTimeout(SILENCE_MS, () => socket.destroy())
  const limit = setTimeout(() => socket.destroy(), LINGER_MS)
  limit.unref()
  socket.once('close', () => clearTimeout(limit))
}
