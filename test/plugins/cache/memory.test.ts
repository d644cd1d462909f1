/** What kept answers hold of the requests that brought them. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { startGateway } from '../../support/gateway.ts'
import { openWire } from '../../support/wire.ts'
import { yaml } from './setup.ts'

test('a kept answer holds the fields that Vary names, not the whole head of its request', async () => {
  // Not one that remembers what it was sent.
  const origin = createServer((_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=600', vary: 'x-tier', 'content-length': 0 }).end()
  })
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const { port } = origin.address() as AddressInfo
  await using gateway = await startGateway(
    yaml(`http://127.0.0.1:${port}`, { cache: '{ maxTotal: 8MiB, maxObject: 1MiB }' }),
  )
  const wire = await openWire(gateway.port)
  let answers = 0
  wire.socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
    answers += chunk.toString('latin1').split('HTTP/1.1 200').length - 1
  })
  const ask = async (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      wire.send(
        `GET /${i} HTTP/1.1\r\nHost: a\r\nX-Tier: a tier that is long enough ${i}\r\nX-Long: ${'x'.repeat(15_000)}\r\n\r\n`,
      )
      await expect.poll(() => answers, { interval: 1 }).toBeGreaterThan(i - 20)
    }
    await expect.poll(() => answers, { interval: 1 }).toBe(to)
  }
  await ask(0, 100)
  const before = heapUsed()

  await ask(100, 1100)

  // 1000 answers of less than 1 KiB each; their heads are 15 MB.
  expect((heapUsed() - before) / 1e6).toBeLessThan(7)
  wire.close()
  origin.closeAllConnections()
  origin.close()
})

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  collect()
  return process.memoryUsage().heapUsed
}
