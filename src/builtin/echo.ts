/**
 * The embedded origin behind `builtin://echo`: answers each request described as JSON. A few paths behave like origins
 * do: slow, failing, large, streaming, WebSocket. For the demo and for tests; it listens on loopback only.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Answer, delayed, describe, events, filler, refuse, status } from './answers.ts'

export interface Echo {
  readonly port: number
  /** Ends every connection and stops listening. */
  close(): Promise<void>
}

/** Starts the origin on a free loopback port. */
export async function startEcho(): Promise<Echo> {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 16 * 1024 * 1024 })
  // Longer than any pool keeps a connection, so that it is never this side that closes one under a request.
  const server = createServer({ keepAliveTimeout: 600_000, requestTimeout: 0, maxHeaderSize: 128 * 1024 }, answer)
  server.on('upgrade', (request, socket, head) => {
    if (pathOf(request) !== '/ws') {
      socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
      return
    }
    sockets.handleUpgrade(request, socket, head, echoMessages)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, close: () => close(server, sockets) }
}

const answers: Readonly<Record<string, Answer>> = {
  delay: delayed,
  status,
  bytes: filler,
  sse: events,
  ws: (request, response) => refuse(request, response, 426),
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  // A client that leaves is no failure of the origin; everything that writes stops when the response closes.
  response.on('error', () => response.destroy())
  const [, name = '', argument, more] = pathOf(request).split('/')
  const takesArgument = name === 'delay' || name === 'status' || name === 'bytes'
  const special = more === undefined && takesArgument === (argument !== undefined) && Object.hasOwn(answers, name)
  const chosen = special ? answers[name]! : describe
  chosen(request, response, argument ?? '')
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0]!
}

function echoMessages(socket: WebSocket): void {
  // `ws` closes a connection that breaks the protocol by itself; without a listener the error would end the process.
  socket.on('error', () => socket.terminate())
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))
}

async function close(server: Server, sockets: WebSocketServer): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  for (const socket of sockets.clients) socket.terminate()
  server.closeAllConnections()
  await closed
}
