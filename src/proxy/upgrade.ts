/** WebSocket tunnels: a request that passed its chain is handed, with its connection, to http-proxy's `.ws()`. */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import httpProxy from 'http-proxy'
import type { Exchange } from '../exchange/exchange.ts'
import { Problem } from '../problem.ts'
import type { Target } from '../upstream/target.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { ForwardPolicy } from './forward-policy.ts'
import { noTarget } from './problem-of.ts'
import { clientClosed } from './upload.ts'

export interface Upgrade {
  readonly socket: Socket
  /** Bytes that came along with the request's head. */
  readonly head: Buffer
  readonly policy: ForwardPolicy
}

const proxy = httpProxy.createProxyServer({})
const watched = new WeakMap<object, (request: ClientRequest) => void>()
// Told to the callback of each tunnel as well; without a listener an emitter throws.
proxy.on('error', () => {})
proxy.on('proxyReqWs', (request, incoming) => watched.get(incoming)?.(request))

/** Opens the tunnel, relays the upstream's refusal, or answers with a problem where there is none to relay. */
export function tunnel(exchange: Exchange, upstream: Upstream, upgrade: Upgrade): void {
  const { socket, policy } = upgrade
  const target = upstream.pick(exchange)
  exchange.upstreamName = upstream.name
  if (target === null) {
    policy.fail(exchange, noTarget())
    return
  }
  exchange.target = target.url
  exchange.attempts++
  exchange.upstreamStartedAt = performance.now()
  if (target.tunnels >= upstream.config.connections.tunnels) {
    policy.fail(
      exchange,
      new Problem('upstream-overloaded', 'Too many tunnels to the upstream are open.', {
        headers: ['retry-after', '1'],
      }),
    )
    return
  }
  target.tunnels++
  socket.once('close', () => {
    target.tunnels--
    // From the takeover on, the end of the connection is the end of the exchange; before it, the response tells.
    if (exchange.upstreamResponse !== null) exchange.leave(true)
  })
  connect(exchange, target, upgrade, upstream.config.timeouts.connectMs)
}

function connect(exchange: Exchange, target: Target, { socket, head, policy }: Upgrade, connectTimeout: number): void {
  const incoming = requestFor(exchange, target, socket)
  let answered = false
  watched.set(incoming, (request) => {
    request.prependListener('upgrade', (response: IncomingMessage) => {
      answered = true
      takeOver(exchange, response, policy)
      exchange.reply.code(101)
    })
    request.prependListener('response', (response: IncomingMessage) => {
      answered = true
      takeOver(exchange, response, policy)
      exchange.reply.code(response.statusCode!)
    })
  })
  const { origin } = target
  const ssl = origin.tls === undefined ? {} : { ...origin.tls, servername: origin.tls.serverName }
  const options = {
    target: {
      protocol: origin.tls === undefined ? 'http:' : 'https:',
      host: origin.host,
      hostname: origin.host,
      port: origin.port,
      ...ssl,
    },
    secure: origin.tls?.rejectUnauthorized ?? true,
    prependPath: false,
    connectTimeout,
  }
  proxy.ws(incoming, socket, head, options, (error) => {
    if (answered || socket.destroyed) {
      socket.destroy()
      return
    }
    answered = true
    const problem = socket.readableEnded
      ? clientClosed()
      : new Problem('upgrade-failed', 'The upstream did not take the upgrade.', { cause: error })
    policy.fail(exchange, problem)
  })
}

/** The upstream speaks on this connection from now on: our response object lets go of it. */
function takeOver(exchange: Exchange, response: IncomingMessage, policy: ForwardPolicy): void {
  exchange.upstreamHeadAt = performance.now()
  exchange.upstreamResponse = { status: response.statusCode!, headers: response.rawHeaders, length: null }
  exchange.reply.source = 'upstream'
  ;(exchange.response as ServerResponse).detachSocket(exchange.raw!.socket)
  response.headers['x-request-id'] = exchange.facts.id
  response.headers.via = `1.1 ${policy.name}`
}

/** The forwarded request in the shape http-proxy reads: our headers, never the client's object. */
function requestFor(exchange: Exchange, target: Target, socket: Socket): IncomingMessage {
  const { upstreamRequest } = exchange
  const headers: Record<string, string | string[]> = {}
  const { raw } = upstreamRequest.headers
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    const before = headers[name]
    headers[name] = before === undefined ? raw[i + 1]! : [before, raw[i + 1]!].flat()
  }
  headers['host'] = upstreamRequest.host ?? target.authority
  headers['connection'] = 'Upgrade'
  headers['upgrade'] = 'websocket'
  const request = {
    method: 'GET',
    url: target.basePath + upstreamRequest.path + upstreamRequest.query,
    httpVersion: '1.1',
    httpVersionMajor: 1,
    headers,
    socket,
    connection: socket,
  }
  // The library reads no more of a request than these.
  return request as unknown as IncomingMessage
}
