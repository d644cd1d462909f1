/** One origin of the fault run: answers after a few milliseconds; `SIGUSR2` makes every other answer a 500, and mends it. */
import { createServer } from 'node:http'

const port = Number(process.argv[2])
const name = process.argv[3]!
let flaky = false
let count = 0

process.on('SIGUSR2', () => {
  flaky = !flaky
})

const server = createServer({ keepAliveTimeout: Number(process.argv[4] ?? 5000) }, (request, response) => {
  request.resume()
  const failing = flaky && request.url !== '/healthz' && count++ % 2 === 0
  setTimeout(() => response.writeHead(failing ? 500 : 200, { 'x-origin': name }).end(name), 2)
})
server.listen(port, '127.0.0.1', () => process.stdout.write('listening\n'))
