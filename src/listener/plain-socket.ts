/** What happens on a client's socket, told to the plain connection that it is. One set of functions for all: ten thousand idle ones cost no closures. */
import type { Socket } from 'node:net'
import { readAsStream, readShared } from './shared-read.ts'

export interface ClientEvents {
  /** `chunk` is there until this returns. False: no more for now, until the socket's `resume`. */
  received(chunk: Buffer): boolean
  /** The client sends nothing more. */
  ended(): void
  closed(): void
  drained(): void
  timedOut(): void
}

interface PlainSocket extends Socket {
  plain?: ClientEvents
}

const listeners: readonly (readonly [string, (this: PlainSocket) => void])[] = [
  ['end', onEnd],
  ['error', onError],
  ['close', onClose],
  ['drain', onDrain],
  ['timeout', onTimeout],
]

export function attach(socket: Socket, connection: ClientEvents): void {
  ;(socket as PlainSocket).plain = connection
  for (const [event, listener] of listeners) socket.on(event, listener)
  if (!readShared(socket as PlainSocket, onRead)) socket.on('data', onData)
}

/** From now on the socket is a stream like any other, and nobody listens. */
export function detach(socket: Socket): void {
  for (const [event, listener] of listeners) socket.off(event, listener)
  socket.off('data', onData)
  readAsStream(socket)
  delete (socket as PlainSocket).plain
}

function onRead(this: PlainSocket, length: number, buffer: Buffer): boolean {
  return this.plain?.received(buffer.subarray(0, length)) ?? true
}

function onData(this: PlainSocket, chunk: Buffer): void {
  if (this.plain?.received(chunk) === false) this.pause()
}

function onEnd(this: PlainSocket): void {
  this.plain?.ended()
}

/** A close follows. */
function onError(this: PlainSocket): void {
  this.destroy()
}

function onClose(this: PlainSocket): void {
  this.plain?.closed()
}

function onDrain(this: PlainSocket): void {
  this.plain?.drained()
}

function onTimeout(this: PlainSocket): void {
  this.plain?.timedOut()
}
