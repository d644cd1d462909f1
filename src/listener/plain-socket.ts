/** What happens on a client's socket, told to the plain connection that it is. One set of functions for all: ten thousand idle ones cost no closures. */
import type { Socket } from 'node:net'
import { sharedBuffer } from '../http1/read-buffer.ts'
import { type Reader, readAsStream, readShared } from './shared-read.ts'

export interface ClientEvents {
  /** `chunk` is there until this returns. False: no more for now, until the socket's `resume`. */
  received(chunk: Buffer): boolean
  /** Asked after each piece that came in memory of ours: what to read the next one into; undefined: as before. */
  nextBuffer(): Buffer | undefined
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
  if (!readShared(socket as PlainSocket, sharedBuffer, reader)) socket.on('data', onData)
}

/** From now on the socket is a stream like any other, and nobody listens. */
export function detach(socket: Socket): void {
  for (const [event, listener] of listeners) socket.off(event, listener)
  socket.off('data', onData)
  readAsStream(socket)
  delete (socket as PlainSocket).plain
}

/** TLS that is told to stop goes on with what it has decrypted, in the same memory: nothing of it can be lent. */
export function goesOnReading(socket: Socket): boolean {
  return 'encrypted' in socket
}

/** Whose bytes came last: Node asks for the next buffer without saying whose. */
let lastRead: ClientEvents | undefined

const reader: Reader<PlainSocket> = {
  read(length, buffer) {
    lastRead = this.plain
    return lastRead?.received(length === buffer.length ? buffer : buffer.subarray(0, length)) ?? true
  },
  next: () => lastRead?.nextBuffer(),
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
