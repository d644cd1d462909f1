/** A foreign plugin between two of ours, over real sockets: what the tests of foreign plugins start with. */
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { exchange } from '../support/wire.ts'
import { chainOf, tracer } from './plugin-files.ts'

export const get = (path = '/', headers = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`
export const post = (body: string, headers = '') =>
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`
export const trace = (answer: string) => /^x-trace: (.*)\r$/im.exec(answer)?.[1]

export interface Setup extends AsyncDisposable {
  readonly origin: Origin
  readonly gateway: TestGateway
  send(bytes: string): Promise<string>
}

/** A foreign plugin between two tracers of ours. */
export async function startBetween(plugin: string, origin?: Origin): Promise<Setup> {
  const upstream = origin ?? (await startOrigin(echo))
  const plugins = { top: tracer('top'), foreign: plugin, low: tracer('low') }
  const { yaml, files } = chainOf(upstream.url, plugins, 'plugins: [metrics]')
  const gateway = await startGateway(yaml, { files })
  return {
    origin: upstream,
    gateway,
    send: (bytes) => exchange(gateway.port, bytes),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

/** Says how many body bytes came, and what they were called. */
export const echo: Parameters<typeof startOrigin>[0] = (request, response) => {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  request.on('end', () => response.end(`${bytes} of ${request.headers['content-type']}`))
}
