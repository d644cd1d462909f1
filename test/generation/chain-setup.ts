/** A chain of plugin files before an origin, over real sockets: what the tests of chains start with. */
import { startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { exchange } from '../support/wire.ts'
import { chainOf } from './plugin-files.ts'

export const get = (path = '/', headers = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`
export const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd'

export async function startChain(plugins: Readonly<Record<string, string>>, front = 'plugins: [metrics]') {
  const origin = await startOrigin()
  const { yaml, files } = chainOf(origin.url, plugins, front)
  const gateway = await startGateway(yaml, { files })
  return {
    origin,
    gateway,
    send: (bytes: string) => exchange(gateway.port, bytes),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await origin[Symbol.asyncDispose]()
    },
  }
}

export const trace = (answer: string) => /^x-trace: (.*)\r$/im.exec(answer)?.[1]
