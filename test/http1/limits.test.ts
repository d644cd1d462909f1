/** Timeouts, bounds, giving up and closing down. */
import net from 'node:net'
import { expect, test } from 'vitest'
import { deadPort } from '../support/ports.ts'
import { answering, response, scriptedOrigin } from '../support/scripted-origin.ts'
import { type Asked, eventually, testPool } from './ask.ts'

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'

test('no head in time is a response timeout', async () => {
  await using origin = await scriptedOrigin(() => {})
  using client = testPool(origin.port, { responseTimeoutMs: 100 })

  const { error } = await client.ask().over()

  expect(error).toMatchObject({ code: 'response-timeout', sent: true, answered: false })
  await origin.connections[0]!.closed()
})

test('a head that drips in does not extend the response timeout', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    for (const byte of 'HTTP/1.1 200 OK\r\n') await connection.send(byte)
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      await connection.send('A: b\r\n')
    }
  })
  using client = testPool(origin.port, { responseTimeoutMs: 1000 })

  // Else it would come to have too many fields.
  const { error } = await client.ask().over()

  expect(error).toMatchObject({ code: 'response-timeout', answered: true })
})

test('interim responses do not extend the response timeout', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    for (let i = 0; i < 20; i++) {
      await connection.send('HTTP/1.1 102 Processing\r\n\r\n')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })
  using client = testPool(origin.port, { responseTimeoutMs: 200 })

  expect(await client.ask().outcome()).toBe('response-timeout')
})

test('the response timeout does not run while the request is still being sent', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.bytes(2)
    await connection.send(response('ok'))
  })
  using client = testPool(origin.port, { responseTimeoutMs: 500, bodyIdleTimeoutMs: 500 })

  const asked = client.ask({ method: 'POST', body: { kind: 'length', length: 2 } })
  asked.handle.write(Buffer.from('o'))
  await new Promise((resolve) => setTimeout(resolve, 1000))
  asked.handle.write(Buffer.from('k'))
  asked.handle.end()

  expect(await asked.outcome()).toBe('200 ok')
})

test('an upstream that stops reading the request is a write timeout', async () => {
  await using origin = await scriptedOrigin((connection) => {
    connection.socket.pause()
  })
  using client = testPool(origin.port, { bodyIdleTimeoutMs: 200 })

  const asked = client.ask({ method: 'POST', body: { kind: 'length', length: 64_000_000 } })
  asked.handle.write(Buffer.alloc(64_000_000))
  asked.handle.end()

  expect((await asked.over()).error).toMatchObject({ code: 'write-timeout', sent: true, answered: false })
})

test('an upstream that reads slowly but steadily is no write timeout', async () => {
  const total = 24_000_000
  await using origin = await scriptedOrigin(async (connection) => {
    let count = 0
    connection.socket.removeAllListeners('data')
    connection.socket.on('data', (chunk) => {
      count += chunk.length
      connection.socket.pause()
      setTimeout(() => connection.socket.resume(), 6)
    })
    await eventually(() => count > total)
    await connection.send(response('ok'))
  })
  using client = testPool(origin.port, { bodyIdleTimeoutMs: 1500 })
  const start = performance.now()

  const asked = client.ask({ method: 'POST', body: { kind: 'length', length: total } })
  asked.handle.write(Buffer.alloc(total))
  asked.handle.end()

  expect(await asked.outcome()).toBe('200 ok')
  expect(performance.now() - start).toBeGreaterThan(1500)
})

test('a body that stands still is a body timeout', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(`${HEAD}hello`)
  })
  using client = testPool(origin.port, { bodyIdleTimeoutMs: 100 })

  const asked = await client.ask().over()

  expect(asked.error).toMatchObject({ code: 'body-timeout', answered: true })
  expect(asked.body).toBe('hello')
})

test('time in which the listener paused does not count', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(`${HEAD}hello`)
    await connection.take((text) => (text.length > 0 ? text.length : -1)).catch(() => {})
  })
  using client = testPool(origin.port, { bodyIdleTimeoutMs: 500 })

  const asked = client.ask({}, { data: () => false })
  await asked.until(() => asked.pieces === 1)
  await new Promise((resolve) => setTimeout(resolve, 1000))
  expect(asked.isOver).toBe(false)
  await origin.connections[0]!.send('world')
  asked.handle.resume()
  await asked.until(() => asked.pieces === 2)
  asked.handle.resume()

  expect(await asked.outcome()).toBe('200 helloworld')
})

test('nothing is told between a false and resume, the end included', async () => {
  await using origin = await scriptedOrigin(answering(response('hello')))
  using client = testPool(origin.port)

  const asked = client.ask({}, { data: () => false })
  await asked.until(() => asked.pieces === 1)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(asked.isOver).toBe(false)
  asked.handle.resume()

  expect(asked.isOver).toBe(true)
  expect(await client.ask().outcome()).toBe('200 hello')
  expect(origin.connections).toHaveLength(1)
})

test('resume inside data makes its false void', async () => {
  await using origin = await scriptedOrigin(answering(response('hello')))
  using client = testPool(origin.port)
  const data = (asked: Asked): boolean => {
    asked.handle.resume()
    return false
  }

  expect(await client.ask({}, { data }).outcome()).toBe('200 hello')
})

test('a held chunk keeps its bytes until resume, whatever else is read', async () => {
  const body = Buffer.alloc(3_000_000, 'a').fill('b', 1_500_000)
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`)
    await connection.send(body)
  })
  using client = testPool(origin.port)
  let heldPieces = 0
  let total = 0
  const data = (asked: Asked, chunk: Buffer, held: boolean): boolean => {
    total += chunk.length
    if (!held) return true
    heldPieces++
    const before = chunk.toString('latin1')
    setTimeout(() => {
      expect(chunk.toString('latin1')).toBe(before)
      asked.handle.resume()
    }, 1)
    return false
  }

  const both = [client.ask({}, { data }), client.ask({}, { data })]
  await Promise.all(both.map((asked) => asked.over()))

  expect(total).toBe(2 * body.length)
  expect(heldPieces).toBeGreaterThan(2)
  expect(both[0]!.body).toBe(body.toString('latin1'))
})

test.for(['head', 'data', 'end'] as const)('abort inside %s is safe and final', async (where) => {
  await using origin = await scriptedOrigin(answering(response('hello')))
  using client = testPool(origin.port)
  const abort = (asked: Asked): boolean => {
    asked.handle.abort()
    return true
  }

  const asked = client.ask({}, { [where]: abort })
  await asked.until(() =>
    where === 'head' ? asked.head !== undefined : where === 'data' ? asked.pieces > 0 : asked.isOver,
  )
  await eventually(() => client.pool.stats.active === 0)

  expect(asked.late).toBe(0)
  expect(asked.isOver).toBe(where === 'end')
  expect(client.pool.stats.idle).toBe(where === 'end' ? 1 : 0)
})

test('abort while running destroys the connection; while waiting it withdraws the request', async () => {
  await using origin = await scriptedOrigin((connection) => connection.request().then(() => {}))
  using client = testPool(origin.port, { maxConnections: 1 })
  const running = client.ask()
  const waiting = client.ask()
  await running.until(() => running.isSent)
  expect(client.pool.stats).toEqual({ active: 1, idle: 0, pending: 0, queued: 1 })

  waiting.handle.abort()
  running.handle.abort()
  await origin.connections[0]!.closed()

  expect(client.pool.stats).toEqual({ active: 0, idle: 0, pending: 0, queued: 0 })
  expect(origin.connections).toHaveLength(1)
})

test('abort of a request not yet written leaves its kept connection in the pool', async () => {
  await using origin = await scriptedOrigin(answering(response('ok')))
  using client = testPool(origin.port)
  await client.ask().over()

  client.ask().handle.abort()

  expect(client.pool.stats).toEqual({ active: 0, idle: 1, pending: 0, queued: 0 })
  expect(await client.ask().outcome()).toBe('200 ok')
  expect(origin.connections).toHaveLength(1)
})

test('no more connections than the maximum, no more waiting than the queue holds', async () => {
  await using origin = await scriptedOrigin(answering(response('ok')))
  using client = testPool(origin.port, { maxConnections: 2, queueLimit: 3 })

  const asked = Array.from({ length: 6 }, () => client.ask())
  const outcomes = await Promise.all(asked.map((each) => each.outcome()))

  expect(outcomes).toEqual([...Array(5).fill('200 ok'), 'queue-full'])
  expect(asked[5]!.error).toMatchObject({ sent: false, reused: false, answered: false })
  expect(origin.connections).toHaveLength(2)
})

test('a request that waits too long for a connection is a queue timeout', async () => {
  await using origin = await scriptedOrigin(() => {})
  using client = testPool(origin.port, { maxConnections: 1, queueTimeoutMs: 100 })
  client.ask()

  expect((await client.ask().over()).error).toMatchObject({ code: 'queue-timeout', sent: false })
})

test('no more connections are kept idle than the limit', async () => {
  await using origin = await scriptedOrigin(answering(response('ok')))
  using client = testPool(origin.port, { maxIdle: 2 })

  await Promise.all(Array.from({ length: 5 }, () => client.ask().over()))

  expect(client.pool.stats).toEqual({ active: 0, idle: 2, pending: 0, queued: 0 })
})

test('close ends what is idle, lets requests finish, refuses new ones', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    const head = await connection.request()
    if (head.includes('/slow')) await eventually(() => isClosed)
    await connection.send(response('ok'))
  })
  using client = testPool(origin.port)
  let isClosed = false
  const slow = client.ask({ target: '/slow' })
  await slow.until(() => slow.isSent)
  await client.ask().over()

  client.pool.close()
  const refused = client.ask()
  isClosed = true

  expect(client.pool.stats).toEqual({ active: 1, idle: 0, pending: 0, queued: 0 })
  expect(await refused.outcome()).toBe('pool-closed')
  expect(await slow.outcome()).toBe('200 ok')
  expect(client.pool.stats).toEqual({ active: 0, idle: 0, pending: 0, queued: 0 })
})

test('destroy ends everything at once, and says so', async () => {
  await using origin = await scriptedOrigin(() => {})
  using client = testPool(origin.port, { maxConnections: 1 })
  const running = client.ask()
  const waiting = client.ask()
  await running.until(() => running.isSent)

  client.pool.destroy()

  expect(await running.outcome()).toBe('pool-closed')
  expect(await waiting.outcome()).toBe('pool-closed')
  expect(running.error?.sent).toBe(true)
  expect(waiting.error?.sent).toBe(false)
})

test('a refused connection is refused, with nothing sent', async () => {
  using client = testPool(await deadPort())

  expect((await client.ask().over()).error).toMatchObject({
    code: 'refused',
    sent: false,
    reused: false,
    answered: false,
  })
  expect(client.pool.stats.pending).toBe(0)
})

test('refusal of every address of a name is refused, too', async () => {
  const lookup = ((_host: string, _options: object, done: (error: null, addresses: object[]) => void) =>
    done(null, [
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ])) as unknown as net.LookupFunction
  using client = testPool({ host: 'origin.test', port: 1 }, { lookup })

  expect(await client.ask().outcome()).toBe('refused')
})

test('the given lookup is asked for every new connection; its failure is unresolved', async () => {
  await using origin = await scriptedOrigin(answering(response('ok', 'Connection: close\r\n')))
  const asked: string[] = []
  const lookup = ((host: string, _options: object, done: (error: Error | null, addresses?: object[]) => void) => {
    asked.push(host)
    if (asked.length > 2) done(new Error('no such name'))
    else done(null, [{ address: '127.0.0.1', family: 4 }])
  }) as unknown as net.LookupFunction
  using client = testPool({ host: 'origin.test', port: origin.port }, { lookup })

  const outcomes = [await client.ask().outcome(), await client.ask().outcome(), await client.ask().outcome()]

  expect(outcomes).toEqual(['200 ok', '200 ok', 'unresolved'])
  expect(asked).toEqual(['origin.test', 'origin.test', 'origin.test'])
})

test('a connection that is not made in time is a connect timeout', async () => {
  const lookup = (() => {}) as net.LookupFunction
  using client = testPool({ host: 'origin.test', port: 80 }, { lookup, connectTimeoutMs: 100 })

  expect((await client.ask().over()).error).toMatchObject({ code: 'connect-timeout', sent: false })
})

test('a pool goes through a Unix socket', async () => {
  const path = `/tmp/http1-${process.pid}.sock`
  const server = net.createServer((socket) => socket.once('data', () => socket.write(response('ok')))).listen(path)
  await new Promise((resolve) => server.once('listening', resolve))
  const client = testPool({ host: 'ignored', port: 0, socketPath: path })

  expect(await client.ask().outcome()).toBe('200 ok')
  client.pool.destroy()
  await new Promise((resolve) => server.close(resolve))
})
