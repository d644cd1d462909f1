/** Raw bytes in, raw bytes out: what no HTTP client library would send. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'

export interface Wire {
  readonly socket: Socket
  /** Everything received so far, latin1. */
  readonly received: string
  /** Bytes, one per character. */
  send(bytes: string): void
  /** Resolves when what was received matches; rejects when the connection ends before. */
  until(pattern: RegExp): Promise<string>
  /** Resolves with everything when the other side has closed. */
  closed(): Promise<string>
  close(): void
}

export interface WireOptions {
  readonly allowHalfOpen?: boolean
  /** Over TLS; whoever the gateway says it is, is believed. */
  readonly tls?: ConnectionOptions
}

export async function openWire(port: number, { tls, ...options }: WireOptions = {}): Promise<Wire> {
  const to = { port, host: '127.0.0.1', ...options }
  const socket = tls === undefined ? connect(to) : connectTls({ rejectUnauthorized: false, ...tls, ...to })
  if (options.allowHalfOpen) socket.on('end', () => socket.end())
  let received = ''
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
    socket.emit('received')
  })
  // A reset is one of the ends a test may look for; `closed` tells it.
  socket.on('error', () => socket.destroy())
  await once(socket, tls === undefined ? 'connect' : 'secureConnect')
  return {
    socket,
    get received() {
      return received
    },
    send: (bytes) => void socket.write(Buffer.from(bytes, 'latin1')),
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const check = () => {
          if (pattern.test(received)) resolve(received)
          else if (socket.closed) reject(new Error(`closed before ${pattern}: ${JSON.stringify(received)}`))
        }
        socket.on('received', check)
        socket.on('close', check)
        check()
      }),
    async closed() {
      if (!socket.closed) await once(socket, 'close')
      return received
    },
    close: () => void socket.destroy(),
  }
}

/** Sends one message on a new connection and resolves with the answer, read to the end its head declares or to close. */
export async function exchange(port: number, bytes: string, options?: WireOptions): Promise<string> {
  const wire = await openWire(port, options)
  wire.send(bytes)
  try {
    return await Promise.race([wire.closed(), wholeAnswer(wire)])
  } finally {
    wire.close()
  }
}

async function wholeAnswer(wire: Wire): Promise<string> {
  const head = await wire.until(/\r\n\r\n/)
  const end = head.indexOf('\r\n\r\n') + 4
  const length = /^content-length: *([0-9]+)/im.exec(head.slice(0, end))
  if (length !== null) return wire.until(new RegExp(`^[\\s\\S]{${end + Number(length[1])}}`))
  if (/^transfer-encoding: *chunked/im.test(head.slice(0, end))) return wire.until(/\r\n0\r\n(?:[\s\S]*\r\n)?\r\n$/)
  return wire.received
}

/** The status of the first answer in raw bytes; NaN where there is none. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.[01] ([0-9]{3})/.exec(answer)?.[1] ?? Number.NaN)
}
