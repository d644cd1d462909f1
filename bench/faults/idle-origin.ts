/** An origin of the idle run: a Node server with this keep-alive timeout, which it announces as Node does, or keeps to itself. */
import { createServer } from 'node:http'

const [keepAliveTimeout, manner] = [Number(process.argv[2]), process.argv[3]]
// Node allows clients this much more than it announces. One that announces nothing has no reason to.
const keepAliveTimeoutBuffer = manner === 'silent' ? 0 : 1000

const server = createServer({ keepAliveTimeout, keepAliveTimeoutBuffer }, (request, response) => {
  request.resume()
  // With a Connection field of our own Node leaves Keep-Alive out.
  if (manner === 'silent') response.setHeader('connection', 'keep-alive')
  // Long enough for all of a group to be on their way: each on its own connection.
  request.on('end', () => setTimeout(() => response.end('ok'), 40))
})
server.listen(0, '127.0.0.1', 16_384, () => {
  process.stdout.write(`listening ${(server.address() as { port: number }).port}\n`)
})
