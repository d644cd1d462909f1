/** How requests go out: heads that cannot be split, bodies that keep to their framing. */
import { describe, expect, test } from 'vitest'
import type { RequestHead } from '../../src/http1/client.ts'
import { answering, type OriginConnection, response, scriptedOrigin } from '../support/scripted-origin.ts'
import { type Asked, eventually, testPool } from './ask.ts'

const CHUNKED = { kind: 'chunked' } as const

/** Reads no body before the client has had to wait. */
const lateReader = (hasStalled: () => boolean, body: (connection: OriginConnection) => Promise<unknown>) =>
  scriptedOrigin(async (connection) => {
    await connection.request()
    connection.socket.pause()
    await eventually(hasStalled)
    connection.socket.resume()
    await body(connection)
    await connection.send(response('ok'))
  })

test('a head goes out as it was given, framing behind it', async () => {
  const heads: string[] = []
  await using origin = await scriptedOrigin(async (connection) => {
    for (;;) {
      heads.push(await connection.request())
      await connection.send(response('ok'))
    }
  })
  using client = testPool(origin.port)

  await client.ask({ target: '/a?b=%20', headers: ['Host', 'x', 'X-Obs', '\xe4', 'X-Empty', ''] }).over()
  const put = client.ask({ method: 'PUT', body: { kind: 'length', length: 0 } })
  put.handle.end()
  await put.over()

  expect(heads).toEqual([
    'GET /a?b=%20 HTTP/1.1\r\nHost: x\r\nX-Obs: \xe4\r\nX-Empty: \r\n\r\n',
    'PUT / HTTP/1.1\r\nHost: origin\r\ncontent-length: 0\r\n\r\n',
  ])
})

test.for<[string, Partial<RequestHead>]>([
  // RFC 9112 §11.1: request splitting.
  ['a CR in a value', { headers: ['A', 'b\rc'] }],
  ['a LF in a value', { headers: ['A', 'b\nc'] }],
  ['a NUL in a value', { headers: ['A', 'b\0c'] }],
  ['a character latin1 would cut down to LF', { headers: ['A', 'b\u010ac'] }],
  ['CRLF in a name', { headers: ['A\r\nB', 'c'] }],
  ['a blank in a name', { headers: ['A ', 'c'] }],
  ['an empty name', { headers: ['', 'c'] }],
  ['a name without a value', { headers: ['A'] }],
  ['a blank in the target', { target: '/ HTTP/1.1' }],
  ['CRLF in the target', { target: '/\r\nA: b' }],
  ['an empty target', { target: '' }],
  ['a character beyond latin1 in the target', { target: '/\u010a' }],
  ['a blank in the method', { method: 'GET /' }],
  // RFC 9112 §11.2: request smuggling.
  ['a Content-Length of its own', { headers: ['Content-Length', '5'] }],
  ['a Transfer-Encoding of its own', { headers: ['transfer-encoding', 'chunked'] }],
  ['a Connection of its own', { headers: ['CONNECTION', 'close'] }],
  ['a length that is no count', { body: { kind: 'length', length: -1 } }],
])('a request with %s is refused before anything is sent', ([, request]) => {
  using client = testPool(1)

  expect(() => client.ask(request)).toThrow(TypeError)
  expect(client.pool.stats).toEqual({ active: 0, idle: 0, pending: 0, queued: 0 })
})

test('a body of known length arrives whole, also when written before there is a connection', async () => {
  const body = 'x'.repeat(300_000)
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(response((await connection.bytes(body.length)) === body ? 'same' : 'different'))
  })
  using client = testPool(origin.port)

  const asked = client.ask({ method: 'POST', body: { kind: 'length', length: body.length } })
  asked.handle.write(Buffer.from(body.slice(0, 100_000)))
  asked.handle.write(Buffer.from(body.slice(100_000)))
  asked.handle.end()

  expect(await asked.outcome()).toBe('200 same')
})

test('a body of unknown length goes out chunked, with trailers (RFC 9112 §7.1)', async () => {
  let received = ''
  await using origin = await scriptedOrigin(async (connection) => {
    received = (await connection.request()).split('\r\n').at(-3)!
    received += `|${await connection.take((text) => text.indexOf('X: y\r\n\r\n') + 1 && text.length)}`
    await connection.send(response('ok'))
  })
  using client = testPool(origin.port)

  const asked = client.ask({ method: 'POST', body: CHUNKED })
  asked.handle.write(Buffer.from('hello'))
  await asked.until(() => asked.isSent)
  asked.handle.write(Buffer.alloc(0))
  asked.handle.write(Buffer.from(' world, again'))
  asked.handle.end(['X', 'y'])
  await asked.over()

  expect(received).toBe('transfer-encoding: chunked|5\r\nhello\r\nd\r\n world, again\r\n0\r\nX: y\r\n\r\n')
  expect(client.pool.stats.idle).toBe(1)
})

describe('small pieces of a chunked body', () => {
  const BIG = 'x'.repeat(5000)

  test.for([
    ['one is sent at once', ['a'], '1\r\na\r\n'],
    ['others of the same turn follow as one chunk, at its end', ['a', 'b', 'cd', 'e'], '1\r\na\r\n4\r\nbcde\r\n'],
    ['keep their place before a large one', ['a', 'b', 'c', BIG], `1\r\na\r\n2\r\nbc\r\n1388\r\n${BIG}\r\n`],
    ['keep their bytes', ['\0\r', '\n\x80', '\xff0'], '2\r\n\0\r\r\n4\r\n\n\x80\xff0\r\n'],
  ] as const)('%s', async ([, pieces, expected]) => {
    await using origin = await scriptedOrigin(async (connection) => {
      await connection.request()
      await connection.send(response(await connection.bytes(expected.length)))
    })
    using client = testPool(origin.port)

    const asked = client.ask({ method: 'POST', body: CHUNKED })
    await asked.until(() => asked.isSent)
    for (const piece of pieces) asked.handle.write(Buffer.from(piece, 'latin1'))

    expect(await asked.outcome()).toBe(`200 ${expected}`)
  })

  test('leave before the end and its trailers, and with the head where there was no connection yet', async () => {
    await using origin = await scriptedOrigin(async (connection) => {
      await connection.request()
      await connection.send(response(await connection.take((text) => text.indexOf('X: y\r\n\r\n') + 8)))
    })
    using client = testPool(origin.port)

    const asked = client.ask({ method: 'POST', body: CHUNKED })
    for (const piece of ['a', 'b', 'c']) asked.handle.write(Buffer.from(piece))
    await asked.until(() => asked.isSent)
    for (const piece of ['d', 'e', 'f']) asked.handle.write(Buffer.from(piece))
    asked.handle.end(['X', 'y'])

    expect(await asked.outcome()).toBe('200 3\r\nabc\r\n1\r\nd\r\n2\r\nef\r\n0\r\nX: y\r\n\r\n')
  })

  test('are asked to wait for an upstream that does not read, and told when to go on', async () => {
    let hasStalled = false
    await using origin = await lateReader(
      () => hasStalled,
      (connection) => connection.take((text) => (text.endsWith('\r\n0\r\n\r\n') ? text.length : -1)),
    )
    using client = testPool(origin.port)
    let drained = 0

    const asked = client.ask({ method: 'POST', body: CHUNKED }, { drain: () => drained++ })
    await asked.until(() => asked.isSent)
    const some = Buffer.alloc(100, 'x')
    while (asked.handle.write(some));
    expect(drained).toBe(0)
    hasStalled = true
    await asked.until(() => drained > 0)
    asked.handle.end()

    expect(await asked.outcome()).toBe('200 ok')
    expect(drained).toBe(1)
  })
})

test('a body that would break its framing throws', async () => {
  await using origin = await scriptedOrigin(answering(response('ok')))
  using client = testPool(origin.port)

  const five = client.ask({ method: 'POST', body: { kind: 'length', length: 5 } }).handle
  const none = client.ask().handle
  const trailers = client.ask({ method: 'POST', body: CHUNKED }).handle

  expect(() => five.write(Buffer.from('123456'))).toThrow('longer than declared')
  expect(() => five.end()).toThrow('shorter than declared')
  expect(() => none.write(Buffer.from('1'))).toThrow('has ended')
  expect(() => trailers.end(['A', 'b\r\nc'])).toThrow('control character')
})

test('write asks to wait when the upstream does not read, and drain says when to go on', async () => {
  const chunk = Buffer.alloc(256 * 1024, 'x')
  await using origin = await lateReader(
    () => stalled,
    (connection) => connection.take((text) => (text.length >= total ? total : -1)),
  )
  using client = testPool(origin.port)
  let stalled = false
  let drained = 0
  let total = Infinity

  const asked = client.ask({ method: 'POST', body: CHUNKED }, { drain: () => drained++ })
  await asked.until(() => asked.isSent)
  let written = 0
  while (asked.handle.write(chunk)) written++
  expect(drained).toBe(0)
  stalled = true
  await asked.until(() => drained > 0)
  asked.handle.end()
  total = (written + 1) * (chunk.length + 9) + 5

  expect(await asked.outcome()).toBe('200 ok')
  expect(drained).toBe(1)
})

test('lent memory is given back when all of it is sent, not when little is left', async () => {
  const memory = Buffer.alloc(60_000)
  const letters = Array.from({ length: 300 }, (_, i) => String.fromCharCode(65 + (i % 26)))
  let text = ''
  let hasStalled = false
  await using origin = await lateReader(
    () => hasStalled,
    async (connection) => {
      text = await connection.bytes(letters.length * memory.length)
    },
  )
  using client = testPool(origin.port)
  const left = [...letters]
  // Written over as soon as it is ours.
  const lend = ({ handle }: Asked) => {
    while (left.length > 0) if (!handle.lend(memory.fill(left.shift()!))) return
    handle.end()
  }

  const body = { kind: 'length', length: letters.length * memory.length } as const
  const asked = client.ask({ method: 'POST', body }, { drain: lend })
  await asked.until(() => asked.isSent)
  lend(asked)
  expect(left.length).toBeGreaterThan(0)
  hasStalled = true

  expect(await asked.outcome()).toBe('200 ok')
  const edges = letters.map((_, i) => text[i * memory.length]! + text[(i + 1) * memory.length - 1]!)
  expect(edges).toEqual(letters.map((letter) => letter + letter))
})

test('an early final response stops the upload, is delivered, and ends the connection (RFC 9112 §9.3)', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig')
  })
  using client = testPool(origin.port)

  const asked = client.ask({ method: 'POST', body: { kind: 'length', length: 1000 } })
  asked.handle.write(Buffer.from('some'))

  expect(await asked.outcome()).toBe('413 big')
  expect(asked.isStopped).toBe(true)
  expect(asked.handle.write(Buffer.alloc(5000))).toBe(true)
  asked.handle.end()
  await origin.connections[0]!.closed()
  expect(client.pool.stats.idle).toBe(0)
})

test('an interim response does not stop the upload (RFC 9110 §15.2.1)', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send('HTTP/1.1 100 Continue\r\n\r\n')
    await connection.bytes(5)
    await connection.send(response('ok'))
  })
  using client = testPool(origin.port)

  const asked = client.ask({ method: 'POST', body: { kind: 'length', length: 5 } })
  await asked.until(() => asked.informational.length === 1)
  asked.handle.write(Buffer.from('hello'))
  asked.handle.end()

  expect(await asked.outcome()).toBe('200 ok')
  expect(asked.isStopped).toBe(false)
  expect(client.pool.stats.idle).toBe(1)
})
