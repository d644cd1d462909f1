/** What Node's own HTTP client makes of the same bytes. */
import http from 'node:http'
import { Duplex } from 'node:stream'

export interface NodeResult {
  readonly isAccepted: boolean
  readonly failure: string
  readonly status: number
  readonly headers: string[]
  readonly body: string
}

/** Answers one request with `bytes` and FIN. */
export function parseByNode(bytes: Buffer, method: string): Promise<NodeResult> {
  return new Promise((resolve) => {
    const socket = new Canned(bytes)
    const result = { status: 0, headers: [] as string[], body: '' }
    const refuse = (error: NodeJS.ErrnoException): void => {
      socket.destroy()
      resolve({ isAccepted: false, failure: error.code ?? error.message, ...result })
    }
    const request = http.request({ method, host: 'x', createConnection: () => socket as never })
    request.on('error', refuse)
    request.on('upgrade', () => refuse(new Error('upgrade')))
    request.on('response', (response) => {
      result.status = response.statusCode ?? 0
      result.headers = response.rawHeaders
      response.on('data', (chunk: Buffer) => {
        result.body += chunk.toString('latin1')
      })
      response.on('error', refuse)
      response.on('end', () => {
        socket.destroy()
        resolve({ isAccepted: response.complete, failure: 'incomplete', ...result })
      })
    })
    request.end()
  })
}

/** A socket that says its bytes once it is asked. */
class Canned extends Duplex {
  readonly #bytes: Buffer
  #isAsked = false

  constructor(bytes: Buffer) {
    super()
    this.#bytes = bytes
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done()
    if (this.#isAsked) return
    this.#isAsked = true
    setImmediate(() => {
      if (this.#bytes.length > 0) this.push(Buffer.from(this.#bytes))
      this.push(null)
    })
  }
}
