/** A server that speaks Redis's protocol and answers each command as it is told. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface ScriptedRedis extends AsyncDisposable {
  readonly port: number
  readonly url: string
}

/** `answer` gets the words of a command, the first in lower case, and returns the bytes to send; null ends the connection. */
export async function scriptedRedis(answer: (...words: string[]) => string | null): Promise<ScriptedRedis> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    let rest = ''
    socket.setEncoding('latin1').on('data', (text) => {
      rest += text
      for (let read = command(rest); read !== null; read = command(rest)) {
        rest = rest.slice(read.length)
        const [name = '', ...more] = read.words
        const bytes = answer(name.toLowerCase(), ...more)
        if (bytes === null) socket.destroy()
        else socket.write(bytes)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** The first whole command of a text: `*2\r\n$3\r\nGET\r\n$1\r\na\r\n`. */
function command(text: string): { readonly words: readonly string[]; readonly length: number } | null {
  const words: string[] = []
  let at = text.indexOf('\r\n') + 2
  if (at < 2) return null
  const count = Number(text.slice(1, at))
  while (words.length < count) {
    const from = text.indexOf('\r\n', at) + 2
    const end = from + Number(text.slice(at + 1, from))
    if (from < 2 || text.length < end + 2) return null
    words.push(text.slice(from, end))
    at = end + 2
  }
  return { words, length: at }
}
