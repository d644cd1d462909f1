/** Ports by number, all below those that the system gives to whoever asks for none in particular. */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

const GIVEN_BY_THE_SYSTEM = 32_768

let lastDead = 0

/**
 * A port that refuses connections, another one each time. One that the system gives away could become another test's
 * server, or even the connection that is made to it, which then is its own peer.
 */
export async function deadPort(): Promise<number> {
  for (;;) {
    const port = ++lastDead
    if (await refuses(port)) return port
  }
}

async function refuses(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const refused = await once(socket, 'connect').then(
    () => false,
    ({ code }) => code === 'ECONNREFUSED',
  )
  socket.destroy()
  return refused
}

/** A port for a program that has to be told one. Nobody else gets it before that program listens. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, GIVEN_BY_THE_SYSTEM)
    if (await canListen(port)) return port
  }
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  const free = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  if (free) await new Promise((resolve) => server.close(resolve))
  return free
}
