/** The end of a connection whose client may still be sending. */
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'

/** How long a closing connection is read after its client fell silent, and at most. */
const SILENCE_MS = 1000
const LINGER_MS = 10_000
/** Whoever has not looked at its answer by then does not wait for one; reading on costs more than it is worth. */
const LINGER_BYTES = 64 * 1024 * 1024
const CHECK_MS = 250

/**
 * Says the last words and goes on reading until the client has stopped: a reset, which is what closing a connection
 * with unread bytes comes to, would take the answer from a client that is still sending (RFC 9112 §9.6).
 */
export function linger(socket: Socket, lastWords: string): void {
  socket.end(lastWords)
  socket.resume()
  socket.setTimeout(SILENCE_MS, () => socket.destroy())
  const until = performance.now() + LINGER_MS
  const most = socket.bytesRead + LINGER_BYTES
  const check = () => {
    if (performance.now() >= until || socket.bytesRead > most) socket.destroy()
  }
  const clock = setInterval(check, CHECK_MS).unref()
  socket.once('close', () => clearInterval(clock))
}
