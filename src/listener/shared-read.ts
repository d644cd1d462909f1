/**
 * Reads what clients send into one buffer for all connections, as `onread` of net.connect does for connections of our own. Without
 * it each read costs memory of its own and a pass through the stream. Node offers that to sockets that connect, not to those it
 * accepts, so this leans on fields of Node's own: the one place that does, checked at start, 'data' events beside it.
 */
import { Buffer } from 'node:buffer'
import { Socket } from 'node:net'
import process from 'node:process'

/** Called as a method of its socket. The bytes are there until it returns. False stops reading. */
export type ReadCallback<Of extends Socket = Socket> = (this: Of, length: number, buffer: Buffer) => boolean

interface Fields {
  readonly buffer: symbol
  readonly callback: symbol
}

type Internals = { [field: symbol]: unknown; _handle?: { useUserBuffer?: (buffer: Buffer) => void } | null }

/** Valid for one callback only; one for all is safe because the loop reads one socket and hands over before the next. */
const shared = Buffer.allocUnsafeSlow(64 * 1024)

/** Null: this Node has no such fields, or reads ahead (libuv on Windows starts a read long before it ends). */
const fields = process.platform === 'win32' ? null : fieldsOfNode()
let isOn = true

/** Has a new socket's bytes go to `callback`. False: nothing has been done, and 'data' has to be listened for. */
export function readShared<Of extends Socket>(socket: Of, callback: ReadCallback<Of>): boolean {
  const { _handle: handle } = socket as unknown as Internals
  if (fields === null || !isOn || typeof handle?.useUserBuffer !== 'function') return false
  const internals = socket as unknown as Internals
  internals[fields.buffer] = shared
  internals[fields.callback] = callback
  handle.useUserBuffer(shared)
  return true
}

/** From now on the socket is a stream like any other. */
export function readAsStream(socket: Socket): void {
  const internals = socket as unknown as Internals
  if (fields !== null && internals[fields.buffer] === shared) internals[fields.callback] = pushed
}

function pushed(this: Socket, length: number, buffer: Buffer): boolean {
  return this.push(Buffer.from(buffer.subarray(0, length)))
}

/** Finds them by what the documented option leaves in them. */
function fieldsOfNode(): Fields | null {
  const buffer = Buffer.alloc(1)
  const callback = () => true
  const probe = new Socket({ onread: { buffer, callback } }) as unknown as Internals
  const symbols = Object.getOwnPropertySymbols(probe)
  const holding = (value: unknown) => symbols.find((symbol) => probe[symbol] === value)
  const found = { buffer: holding(buffer), callback: holding(callback) }
  return found.buffer === undefined || found.callback === undefined ? null : (found as Fields)
}

/** For tests: switches to the public path and back. */
export function useSharedRead(on: boolean): void {
  isOn = on
}

/** Whether clients are read so in this process. */
export function sharedReadWorks(): boolean {
  return fields !== null && isOn
}
