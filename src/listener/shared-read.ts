/**
 * Reads what clients send into one buffer for all connections, as `onread` of net.connect does for connections of our own. Without
 * it each read costs memory of its own and a pass through the stream. Node offers that to sockets that connect, not to those it
 * accepts, so this leans on fields of Node's own, checked at start, 'data' events beside it.
 */
import { Buffer } from 'node:buffer'
import { type OnReadOpts, Socket } from 'node:net'
import process from 'node:process'

export interface Reader<Of extends Socket = Socket> {
  /** Called as a method of its socket. False stops reading. */
  read(this: Of, length: number, buffer: Buffer): boolean
  /** Asked after each read: what the same socket reads into from then on; undefined: as before. */
  next(): Buffer | undefined
}

interface Fields {
  readonly buffer: symbol
  readonly callback: symbol
  readonly next: symbol
}

type Internals = { [field: symbol]: unknown; _handle?: { useUserBuffer?: (buffer: Buffer) => void } | null }

/** Null: this Node has no such fields, or reads ahead (libuv on Windows starts a read long before it ends). */
const fields = process.platform === 'win32' ? null : fieldsOfNode()
let isOn = true

/** Has a new socket's bytes go to `reader`, in `buffer` at first. False: nothing has been done, and 'data' has to be listened for. */
export function readShared<Of extends Socket>(socket: Of, buffer: Buffer, reader: Reader<Of>): boolean {
  const { _handle: handle } = socket as unknown as Internals
  if (fields === null || !isOn || typeof handle?.useUserBuffer !== 'function') return false
  const internals = socket as unknown as Internals
  internals[fields.buffer] = buffer
  internals[fields.callback] = reader.read
  internals[fields.next] = reader.next
  handle.useUserBuffer(buffer)
  return true
}

/** Reads on in `buffer`, and in the one of before no more. Not from within a read. */
export function readElsewhere(socket: Socket, buffer: Buffer): void {
  const internals = socket as unknown as Internals
  if (fields === null || !internals[fields.buffer]) return
  internals[fields.buffer] = buffer
  internals._handle?.useUserBuffer?.(buffer)
}

/** From now on the socket is a stream like any other. */
export function readAsStream(socket: Socket): void {
  const internals = socket as unknown as Internals
  if (fields === null || !internals[fields.buffer]) return
  internals[fields.callback] = pushed
  internals[fields.next] = null
}

function pushed(this: Socket, length: number, buffer: Buffer): boolean {
  return this.push(Buffer.from(buffer.subarray(0, length)))
}

/** Finds them by what the documented option leaves in them. */
function fieldsOfNode(): Fields | null {
  const buffer = Buffer.alloc(1)
  const next = () => buffer
  const callback = () => true
  const found = {
    buffer: symbolOf({ buffer, callback }, buffer),
    callback: symbolOf({ buffer, callback }, callback),
    next: symbolOf({ buffer: next, callback }, next),
  }
  return Object.values(found).includes(undefined) ? null : (found as Fields)
}

function symbolOf(onread: OnReadOpts, value: unknown): symbol | undefined {
  const probe = new Socket({ onread }) as unknown as Internals
  return Object.getOwnPropertySymbols(probe).find((symbol) => probe[symbol] === value)
}

/** For tests: switches to the public path and back. */
export function useSharedRead(on: boolean): void {
  isOn = on
}

/** Whether clients are read so in this process. */
export function sharedReadWorks(): boolean {
  return fields !== null && isOn
}
