/** An origin that remembers by request id what it was sent, and keeps nobody from asking again unless the path says so. */
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly line: string
  readonly headers: readonly string[]
}

/** New in each request, or of one connection: whoever opens it writes these. */
const apart: ReadonlySet<string> = new Set([
  'x-request-id',
  'traceparent',
  'connection',
  'upgrade',
  'content-length',
  'transfer-encoding',
])

/** `name: value`, in an order that does not depend on who wrote them. */
export function comparable(raw: readonly string[]): string[] {
  const lines: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    if (!apart.has(name)) lines.push(`${name}: ${raw[i + 1]}`)
  }
  return lines.sort()
}

export async function recordingOrigin() {
  const received = new Map<string, Received>()
  const server = createServer()
  const record = ({ method, url, rawHeaders, headers }: IncomingMessage) =>
    void received.set(String(headers['x-request-id']), { line: `${method} ${url}`, headers: comparable(rawHeaders) })
  server.on('request', (request, response) => {
    record(request)
    request.resume()
    response.writeHead(200, { ...lifetimeOf(request.url!), 'content-length': 2 }).end('ok')
  })
  server.on('upgrade', (request, socket) => {
    record(request)
    // RFC 6455 §4.2.2.
    const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
    const accept = hash('sha1', `${request.headers['sec-websocket-key']}${guid}`, 'base64')
    const fields = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n`
    socket.end(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    received,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

function lifetimeOf(url: string): Record<string, string> {
  if (!url.includes('/kept')) return { 'cache-control': 'no-store' }
  if (url.includes('/old')) return { 'cache-control': 'public, max-age=0', etag: '"v1"' }
  return {
    'cache-control': 'public, max-age=3600',
    etag: '"v1"',
    ...(url.includes('/lang') ? { vary: 'accept-language' } : {}),
  }
}
