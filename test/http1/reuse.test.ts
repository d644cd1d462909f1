/** When a connection may carry another request, and when it must not (RFC 9112 §9.3, §9.6, §11). */
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { answering, response, scriptedOrigin } from '../support/scripted-origin.ts'
import { eventually, testPool } from './ask.ts'

test('the next request goes out on the same connection', async () => {
  await using origin = await scriptedOrigin(answering(response('ok')))
  using client = testPool(origin.port)

  const first = await client.ask().over()
  const second = await client.ask().over()

  expect([first.handle.reused, second.handle.reused]).toEqual([false, true])
  expect(origin.connections).toHaveLength(1)
})

test('the connection used last is used first', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    for (;;) {
      const head = await connection.request()
      if (head.includes('/slow')) await connection.take((text) => (text.length > 0 ? text.length : -1))
      await connection.send(response(String(connection.index)))
    }
  })
  using client = testPool(origin.port)
  const both = [client.ask({ target: '/a' }), client.ask({ target: '/b' })]
  await Promise.all(both.map((asked) => asked.over()))
  await new Promise((resolve) => setImmediate(resolve))

  const last = both[0]!.body
  const order = both.map((asked) => asked.body)
  const next = await client.ask().over()
  await new Promise((resolve) => setImmediate(resolve))
  const afterwards = await client.ask().over()

  expect(order).toContain(last)
  expect(afterwards.body).toBe(next.body)
})

test.for([
  ['Connection: close', response('ok', 'Connection: close\r\n')],
  ['Connection: a list with close', response('ok', 'Connection: X-Foo, Close\r\n')],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['Keep-Alive: timeout=1', response('ok', 'Keep-Alive: timeout=1\r\n')],
  ['Keep-Alive: timeout=0', response('ok', 'Keep-Alive: max=5, timeout=0\r\n')],
  ['bytes behind the end of the body', `${response('ok')}HTTP/1.1 200 Evil\r\nContent-Length: 4\r\n\r\nevil`],
  ['bytes behind the last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx'],
])('a connection is given up after %s', async ([, bytes]) => {
  await using origin = await scriptedOrigin(answering(bytes!))
  using client = testPool(origin.port)

  const first = await client.ask().outcome()
  const second = await client.ask().outcome()

  expect([first, second]).toEqual(['200 ok', '200 ok'])
  expect(origin.connections).toHaveLength(2)
})

test('an HTTP/1.0 connection is kept when the upstream says keep-alive', async () => {
  await using origin = await scriptedOrigin(
    answering('HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok'),
  )
  using client = testPool(origin.port)

  await client.ask().over()
  await client.ask().over()

  expect(origin.connections).toHaveLength(1)
})

test('a body that HEAD, 204 or 304 must not have closes the connection and reaches nobody', async () => {
  await using origin = await scriptedOrigin(answering(response('HTTP/1.1 200 Evil\r\n\r\n')))
  using client = testPool(origin.port)

  const head = await client.ask({ method: 'HEAD' }).outcome()
  const next = await client.ask().over()

  expect(head).toBe('200 ')
  expect(next.handle.reused).toBe(false)
  expect(next.body).toBe('HTTP/1.1 200 Evil\r\n\r\n')
})

test('bytes on an idle connection close it and are no response to anything', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(response('ok'))
    await connection.request()
    await connection.send(response('fine'))
  })
  using client = testPool(origin.port)
  await client.ask().over()

  await origin.connections[0]!.send(response('evil'))
  await eventually(() => client.pool.stats.idle === 0)
  origin.connections[0]!.received = ''
  const next = client.ask()

  expect(await next.outcome()).toBe('200 ok')
  expect(origin.connections).toHaveLength(2)
})

test.for(['fin', 'reset'] as const)('a %s on an idle connection takes it out of the pool at once', async (kind) => {
  await using origin = await scriptedOrigin(answering(response('ok')))
  using client = testPool(origin.port)
  await client.ask().over()

  origin.connections[0]![kind]()
  await eventually(() => client.pool.stats.idle === 0)

  expect(await client.ask().outcome()).toBe('200 ok')
  expect(origin.connections).toHaveLength(2)
})

// The origin of these two runs in a thread of its own, so that it acts while this thread's event loop stands still.
const STRAY_ORIGIN = `
const net = require('node:net'), { parentPort, workerData } = require('node:worker_threads')
const signal = new Int32Array(workerData)
let count = 0
net.createServer((socket) => {
  const index = count++
  socket.on('error', () => {})
  socket.on('data', () => {
    socket.write('HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\n\\r\\n' + index)
    if (index > 0) return
    Atomics.wait(signal, 0, 0)
    const act = () => { Atomics.store(signal, 0, 2); Atomics.notify(signal, 0) }
    if (Atomics.load(signal, 1) === 0) socket.write('HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\nevil', act)
    else { socket.end(); socket.on('finish', act) }
  })
}).listen(0, '127.0.0.1', function () { parentPort.postMessage(this.address().port) })`

test.for([
  ['a response nobody asked for', 0, 'in the turn that freed it'],
  ['a response nobody asked for', 0, 'later'],
  ['a FIN', 1, 'in the turn that freed it'],
  ['a FIN', 1, 'later'],
] as const)(
  '%s that is there when a connection is taken moves the request to another one (%#)',
  async ([, kind, when]) => {
    const signal = new Int32Array(new SharedArrayBuffer(8))
    signal[1] = kind
    const worker = new Worker(STRAY_ORIGIN, { eval: true, workerData: signal.buffer })
    const port = await new Promise<number>((resolve) => worker.once('message', resolve))
    using client = testPool(port)
    await client.ask().over()
    if (when === 'later') for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))

    // The loop stands still from here until the request has been made.
    Atomics.store(signal, 0, 1)
    Atomics.notify(signal, 0)
    Atomics.wait(signal, 0, 1)
    const asked = client.ask({ method: 'POST', body: { kind: 'length', length: 0 } })
    asked.handle.end()

    expect(await asked.outcome()).toBe('200 1')
    expect(asked.handle.reused).toBe(false)
    await worker.terminate()
  },
)

test('a kept connection that closes under a request says so: sent, reused, not answered (RFC 9112 §9.3.1)', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(response('ok'))
    await connection.request()
    connection.fin()
  })
  using client = testPool(origin.port)
  await client.ask().over()

  const { error } = await client.ask().over()

  expect(error).toMatchObject({ code: 'closed', sent: true, reused: true, answered: false })
})

test('a connection is closed when it has been idle too long', async () => {
  await using origin = await scriptedOrigin(answering(response('ok')))
  using client = testPool(origin.port, { idleTimeoutMs: 100 })
  await client.ask().over()
  expect(client.pool.stats.idle).toBe(1)

  await origin.connections[0]!.closed()

  expect(client.pool.stats.idle).toBe(0)
})

test("a connection is closed a second before the upstream's own idle timeout", async () => {
  await using origin = await scriptedOrigin(answering(response('ok', 'Keep-Alive: timeout=2\r\n')))
  using client = testPool(origin.port)
  const start = performance.now()
  await client.ask().over()

  await origin.connections[0]!.closed()

  expect(performance.now() - start).toBeGreaterThan(900)
  expect(performance.now() - start).toBeLessThan(1900)
})

test('an upstream that half-closes behind its response is not pooled', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(response('ok'))
    connection.fin()
  })
  using client = testPool(origin.port)

  await client.ask().over()
  await eventually(() => client.pool.stats.idle === 0)

  expect(await client.ask().outcome()).toBe('200 ok')
  expect(origin.connections).toHaveLength(2)
})
