/** The fault run of bench/faults in short: what clients lose while origins die, freeze, fail and come back. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startGateway } from '../support/gateway.ts'
import { freePort } from '../support/ports.ts'
import { routeTo } from './failing-origins.ts'

/** An origin that can be killed, frozen, and started again on its port. */
class Origin {
  port = 0
  mode: 'well' | 'frozen' | 'failing' = 'well'
  requests = 0
  #server: Server | null = null

  readonly #answer: RequestListener = (request, response) => {
    request.resume()
    this.requests++
    if (this.mode === 'frozen') return
    response.writeHead(this.mode === 'failing' && this.requests % 2 === 0 ? 500 : 200).end('ok')
  }

  async start(): Promise<this> {
    this.port ||= await freePort()
    this.#server = createServer(this.#answer)
    await new Promise<void>((done) => this.#server!.listen(this.port, '127.0.0.1', done))
    return this
  }

  kill(): void {
    this.#server?.closeAllConnections()
    this.#server?.close()
  }

  [Symbol.dispose](): void {
    this.kill()
  }
}

test('no GET is lost while an origin is left, whatever the others do, and all recovers by itself', async () => {
  using a = await new Origin().start()
  using b = await new Origin().start()
  using c = await new Origin().start()
  const keys = `timeouts: { connect: 1s }, health: { path: /, interval: 50ms, timeout: 500ms, unhealthyAfter: 2 },
    breaker: { failures: 4, open: 100ms }, retries: { budget: 100%, perTry: 300ms, statuses: [5xx] }`
  await using gateway = await startGateway(routeTo([a.port, b.port, c.port], keys))
  const lost: number[] = []
  let running = true
  const client = async () => {
    while (running) {
      const answer = await gateway.fetch('/')
      await answer.text()
      if (answer.status !== 200) lost.push(answer.status)
    }
  }
  const clients = [client(), client(), client()]

  await pause(50)
  a.kill()
  await pause(150)
  b.mode = 'frozen'
  await pause(400)
  b.mode = 'well'
  // While it is only thought to be frozen, none but a failing one would be left.
  await expect.poll(() => gateway.metrics()).toMatch(new RegExp(`_target_up\\{.*:${b.port}.*\\} 1$`, 'm'))
  c.mode = 'failing'
  await pause(150)
  await a.start()
  c.mode = 'well'
  await pause(200)
  running = false
  await Promise.all(clients)

  expect(lost).toEqual([])
  const before = a.requests
  while (a.requests < before + 3) await (await gateway.fetch('/')).text()
})

test('with every origin down answers are 503 at once, and the origins are hardly asked', async () => {
  using a = await new Origin().start()
  using b = await new Origin().start()
  a.mode = 'frozen'
  b.mode = 'frozen'
  const keys = 'breaker: { failures: 3, open: 10s }, retries: { attempts: 2, budget: 20%, perTry: 50ms }'
  await using gateway = await startGateway(routeTo([a.port, b.port], keys))
  const statuses: number[] = []
  for (let i = 0; i < 10; i++) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => gateway.fetch('/')))
    for (const answer of answers) {
      statuses.push(answer.status)
      await answer.text()
    }
  }

  expect(new Set(statuses.slice(50))).toEqual(new Set([503]))
  expect(a.requests + b.requests).toBeLessThanOrEqual(1.2 * statuses.length)
  expect(a.requests + b.requests).toBeLessThan(40)
})

// RFC 9112 §9.3.1: the origin closes just when the connection is used again.
test('an origin that keeps connections for 20 ms, and does not say so, costs no request', async () => {
  const server = createServer({ keepAliveTimeout: 20 }, (_, response) => {
    response.setHeader('keep-alive', 'timeout=60')
    response.end('ok')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  await using gateway = await startGateway(routeTo([port]))
  const statuses = new Set<number>()
  const client = async (gap: number) => {
    for (let i = 0; i < 12; i++) {
      const answer = await gateway.fetch('/')
      await answer.text()
      statuses.add(answer.status)
      await pause(gap)
    }
  }

  await Promise.all([18, 19, 20, 21, 22, 23].map(client))

  server.close()
  expect([...statuses]).toEqual([200])
})
