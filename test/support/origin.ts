/** A real upstream on a free port that remembers what it was sent. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ReceivedRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
}

export interface Origin extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly server: Server
  /** Everything received so far, in order. */
  readonly requests: ReceivedRequest[]
}

/** Answers each request described as JSON unless a listener is given. */
export async function startOrigin(answer: RequestListener = describe): Promise<Origin> {
  const requests: ReceivedRequest[] = []
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    requests.push({
      method: request.method!,
      url: request.url!,
      headers: request.headers,
      rawHeaders: request.rawHeaders,
    })
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    server,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const describe: RequestListener = (request, response) => {
  const body = JSON.stringify({ method: request.method, url: request.url, headers: request.headers })
  request.resume()
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
