/** Origins that fail as a test says, and the config of a route in front of them. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type Script, scriptedOrigin } from '../support/scripted-origin.ts'

/** A route `/*` to these targets, with these further keys of the upstream. */
export function routeTo(targets: readonly (number | string)[], keys = '', routeKeys = ''): string {
  const urls = targets.map((one) => (typeof one === 'number' ? `http://127.0.0.1:${one}` : one))
  return `
plugins: [metrics]
upstreams:
  main: { targets: [${urls.map((url) => `"${url}"`).join(', ')}]${keys === '' ? '' : `, ${keys}`} }
routes:
  all: { match: /*, upstream: main, public: test${routeKeys === '' ? '' : `, ${routeKeys}`} }
`
}

/** Takes connections and never says a word; counts what it is sent. */
export async function frozenOrigin() {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return sockets.length
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Reads a whole request of each connection, then resets it. */
export const dying: Script = async (connection) => {
  await connection.request()
  connection.reset()
}

export function dyingOrigin() {
  return scriptedOrigin(dying)
}
