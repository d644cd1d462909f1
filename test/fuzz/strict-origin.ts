/** An origin that takes nothing but well-formed HTTP/1.1, reads it without Node's parser, and remembers every doubt. */

import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'

export interface SeenRequest {
  readonly method: string
  readonly target: string
  /** Names in lower case. */
  readonly headers: readonly (readonly [string, string])[]
}

export interface StrictOrigin extends AsyncDisposable {
  readonly port: number
  readonly requests: number
  /** What was not well-formed, or what `judge` said. */
  readonly complaints: string[]
}

/** `judge` looks at each request and says what is wrong with it, if anything. */
export async function strictOrigin(judge: (request: SeenRequest) => string | undefined): Promise<StrictOrigin> {
  const sockets = new Set<Socket>()
  const complaints: string[] = []
  let requests = 0
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let pending: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      for (;;) {
        const taken = take(pending.toString('latin1'))
        if (taken === 'more') return
        if (typeof taken === 'string') {
          complaints.push(`${taken}: ${JSON.stringify(pending.toString('latin1').slice(0, 300))}`)
          socket.destroy()
          return
        }
        pending = pending.subarray(taken.length)
        requests++
        const complaint = judge(taken.request)
        if (complaint !== undefined) complaints.push(`${complaint}: ${JSON.stringify(taken.request)}`)
        answer(socket, taken.request)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    get requests() {
      return requests
    },
    complaints,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answer(socket: Socket, { method, target }: SeenRequest): void {
  const body = `origin saw ${target}\n`
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${method === 'HEAD' ? '' : body}`, 'latin1')
}

type Taken = { readonly request: SeenRequest; readonly length: number }

/** The first request of a connection's bytes; what is wrong with it; or that it is not all there. */
function take(text: string): Taken | string {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return text.length > 100_000 ? 'a head without end' : 'more'
  const [line, ...fields] = text.slice(0, end).split('\r\n')
  const parts = /^([A-Z-]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/.exec(line!)
  if (parts === null) return 'a request line that is none'
  const headers: [string, string][] = []
  for (const field of fields) {
    const found = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/.exec(field)
    if (found === null) return 'a field that is none'
    headers.push([found[1]!.toLowerCase(), found[2]!])
  }
  const values = (name: string) => headers.filter(([one]) => one === name).map(([, value]) => value)
  if (values('host').length !== 1) return 'not one Host'
  const lengths = values('content-length')
  const codings = values('transfer-encoding')
  if (lengths.length + codings.length > 1) return 'framed twice'
  const request = { method: parts[1]!, target: parts[2]!, headers }
  const start = end + 4
  if (codings.length === 1) {
    if (codings[0] !== 'chunked') return 'a coding that is not chunked'
    const length = chunkedLength(text, start)
    return typeof length === 'string' ? length : { request, length }
  }
  if (lengths.length === 0) return { request, length: start }
  if (!/^[0-9]+$/.test(lengths[0]!)) return 'a length that is none'
  const length = start + Number(lengths[0])
  return text.length < length ? 'more' : { request, length }
}

function chunkedLength(text: string, start: number): number | string {
  let at = start
  for (;;) {
    const end = text.indexOf('\r\n', at)
    if (end === -1) return 'more'
    const size = text.slice(at, end)
    if (!/^[0-9a-fA-F]+$/.test(size)) return 'a chunk size that is none'
    const bytes = Number.parseInt(size, 16)
    at = end + 2
    if (bytes === 0) {
      const last = text.indexOf('\r\n', at) === at ? at : text.indexOf('\r\n\r\n', at)
      if (last === -1) return 'more'
      return last === at ? at + 2 : last + 4
    }
    if (text.length < at + bytes + 2) return 'more'
    if (text.slice(at + bytes, at + bytes + 2) !== '\r\n') return 'a chunk without its end'
    at += bytes + 2
  }
}
