/**
 * Gives Node's parser what comes on a connection in pieces, and nothing while enough requests wait for their turn: it makes objects of
 * all requests in what it is given. Attack: one read of the shortest ones, 64 KiB behind a slow answer, held 4 MiB of heap.
 */
import type { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'

/** Forty requests of the shortest kind. */
const PIECE = 1024
/** Of what a request has brought already, the next piece of it: a body soon comes in larger ones. */
const SHARE = 1 / 64
/** Whoever sends so much of a body is read by the parser itself, which costs half (measured), until another request begins. */
const LARGE = 1024 * 1024

type Listener = () => void

/** With fields of Node's own, which its server leaves there. */
type Served = Socket & {
  readonly parser?: { _consumed?: boolean; consume?: (handle: object) => void } | null
  readonly _handle?: { readonly isStreamBase?: boolean } | null
}

export class ReadAhead {
  readonly #socket: Served
  /** Of this connection alone. It is given away where the socket becomes somebody else's. */
  readonly #parser: Served['parser']
  readonly #mayGoOn: () => boolean
  readonly #parse: (bytes: Buffer) => void
  readonly #onData = (bytes: Buffer) => this.#read(bytes)
  /** Node's, by which a socket that its parser reads stops and goes on. */
  readonly #pausing: readonly Listener[]
  readonly #resuming: readonly Listener[]
  /** Bytes since the last request began. */
  #brought = 0
  #isStopped = false

  /** Of a socket that Node's server has just been given. */
  constructor(socket: Socket, mayGoOn: () => boolean) {
    this.#socket = socket
    this.#parser = this.#socket.parser
    this.#mayGoOn = mayGoOn
    this.#pausing = socket.listeners('pause') as Listener[]
    this.#resuming = socket.listeners('resume') as Listener[]
    const [parse] = socket.listeners('data')
    this.#parse = parse as (bytes: Buffer) => void
    socket.off('data', this.#parse)
    socket.on('data', this.#onData)
  }

  /** Another request has begun. */
  begun(): void {
    this.#brought = 0
    if (this.#parser?._consumed === true && !this.#isStopped) this.#takeBack()
  }

  /** Nothing more is parsed. */
  stop(): void {
    this.#isStopped = true
    this.#socket.off('data', this.#onData)
  }

  #read(bytes: Buffer): void {
    const socket = this.#socket
    let at = 0
    // Node pauses its socket where answers wait, and takes nothing then.
    while (at < bytes.length && !this.#isStopped && !socket.isPaused() && this.#mayGoOn()) {
      const piece = bytes.subarray(at, at + Math.max(PIECE, this.#brought * SHARE))
      at += piece.length
      this.#brought += piece.length
      this.#parse(piece)
      if (socket.parser !== this.#parser) this.#leave(bytes.subarray(at))
    }
    if (this.#isStopped) return
    // Node resumes its socket with the end of each request that it has parsed, and with each that is read: paused anew with each piece.
    if (!this.#mayGoOn()) socket.pause()
    // Back into the stream, whose end must not come before it.
    if (at < bytes.length) socket.unshift(bytes.subarray(at))
    else if (this.#brought > LARGE) this.#giveOver()
  }

  #giveOver(): void {
    const socket = this.#socket
    const { _handle: handle } = socket
    if (this.#parser?.consume === undefined || handle?.isStreamBase !== true) return
    // What is paused now would not be for the parser.
    if (socket.isPaused() || socket.readableLength > 0) return
    this.#parser._consumed = true
    for (const listener of this.#pausing) socket.on('pause', listener)
    for (const listener of this.#resuming) socket.on('resume', listener)
    this.#parser.consume(handle)
  }

  #takeBack(): void {
    this.#socket.on('data', nothing)
    this.#socket.off('data', nothing)
  }

  /** What comes behind an upgrade is no HTTP. */
  #leave(rest: Buffer): void {
    this.stop()
    if (rest.length > 0 && !this.#socket.destroyed) this.#socket.unshift(rest)
  }
}

function nothing(): void {}
