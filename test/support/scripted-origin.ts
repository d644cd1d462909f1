/** An upstream that speaks raw bytes: each connection runs the script it was given, so that a test can send what no server would. */
import net from 'node:net'

export type Script = (connection: OriginConnection) => Promise<void> | void

export class OriginConnection {
  /** Everything received and not yet taken, latin1. */
  received = ''
  /** Which connection of its origin this is, from 0. */
  readonly index: number
  readonly socket: net.Socket
  isClosed = false
  #wake: () => void = () => {}

  constructor(socket: net.Socket, index: number) {
    this.socket = socket
    this.index = index
    socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1')
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('end', () => this.#wake())
    socket.on('close', () => {
      this.isClosed = true
      this.#wake()
    })
  }

  /** The head of the next request, taken off `received`. */
  async request(): Promise<string> {
    return this.take((text) => {
      const end = text.indexOf('\r\n\r\n')
      return end < 0 ? -1 : end + 4
    })
  }

  /** Waits until `received` is long enough, then takes that much. */
  async bytes(count: number): Promise<string> {
    return this.take((text) => (text.length >= count ? count : -1))
  }

  /** Waits until `end` finds a position (-1: not yet), then takes all before it. */
  async take(end: (text: string) => number): Promise<string> {
    for (;;) {
      const at = end(this.received)
      if (at >= 0) {
        const text = this.received.slice(0, at)
        this.received = this.received.slice(at)
        return text
      }
      if (this.isClosed || this.socket.readableEnded) throw new Error('the client left')
      await this.#change()
    }
  }

  /** Resolves when the bytes have gone to the kernel, rejects when the client has left. */
  send(bytes: string | Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.write(bytes as string, 'latin1', (error) =>
        error ? reject(new Error('the client left')) : resolve(),
      )
    })
  }

  fin(): void {
    this.socket.end()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await this.#change()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

export interface ScriptedOrigin extends AsyncDisposable {
  readonly port: number
  readonly connections: readonly OriginConnection[]
  /** What a script threw that was not the client leaving. */
  readonly failures: readonly unknown[]
}

/** Listens on a free port; `script` runs once per connection. The client's half-close is answered by ours only if the script does so. */
export async function scriptedOrigin(script: Script): Promise<ScriptedOrigin> {
  const connections: OriginConnection[] = []
  const failures: unknown[] = []
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const connection = new OriginConnection(socket, connections.length)
    connections.push(connection)
    socket.on('end', () => socket.writable && socket.end())
    Promise.resolve(script(connection)).catch((error) => {
      if (!(error instanceof Error && error.message === 'the client left')) failures.push(error)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as net.AddressInfo).port,
    connections,
    failures,
    async [Symbol.asyncDispose]() {
      for (const { socket } of connections) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A complete response with a length. */
export function response(body: string, fields = ''): string {
  return `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`
}

/** Answers each request of a connection with the same bytes. */
export function answering(bytes: string): Script {
  return async (connection) => {
    for (;;) {
      await connection.request()
      await connection.send(bytes)
    }
  }
}
