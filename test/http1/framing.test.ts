/** What counts as a response and where it ends, byte by byte. */
import { describe, expect, test } from 'vitest'
import { answering, response, scriptedOrigin } from '../support/scripted-origin.ts'
import { outcomeOf, testPool } from './ask.ts'

const OK = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`

describe('a response that breaks the grammar is malformed:', () => {
  test.for([
    // RFC 9112 §4
    ['bytes that are not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['HTTP/0.9, a body without a head', '<html></html>'],
    ['HTTP/2 in the status line', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['an unknown minor version', 'HTTP/1.2 200 OK\r\n\r\n'],
    ['lower case http', 'http/1.1 200 OK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a status below 100', 'HTTP/1.1 099 No\r\n\r\n'],
    // RFC 9110 §15: what is outside of 100 to 599 is no status.
    ['a status above 599', 'HTTP/1.1 600 No\r\nContent-Length: 0\r\n\r\n'],
    ['a status of 999', 'HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n'],
    ['a control character in the reason', 'HTTP/1.1 200 O\x00K\r\n\r\n'],
    ['an empty line before the status line', '\r\nHTTP/1.1 200 OK\r\n\r\n'],
    // RFC 9112 §2.2
    ['a bare LF at the end of the status line', 'HTTP/1.1 200 OK\nA: b\r\n\r\n'],
    ['a bare LF at the end of a field', `${OK}A: b\nB: c\r\n\r\n`],
    ['a bare LF for the empty line', `${OK}A: b\r\n\n`],
    ['a bare CR in a field', `${OK}A: b\rc\r\n\r\n`],
    // RFC 9112 §5.1
    ['a blank before the colon', `${OK}Content-Length : 0\r\n\r\n`],
    ['a field without a colon', `${OK}Content-Length\r\n\r\n`],
    ['an empty field name', `${OK}: x\r\n\r\n`],
    ['a field name that is not a token', `${OK}A(b): x\r\n\r\n`],
    ['a byte above 127 in a field name', `${OK}\xe4: x\r\n\r\n`],
    // RFC 9112 §5.2
    ['a folded field', `${OK}A: b\r\n c\r\n\r\n`],
    ['a folded first field', `${OK} A: b\r\n\r\n`],
    // RFC 9110 §5.5
    ['a NUL in a value', `${OK}A: b\0c\r\n\r\n`],
    ['a control character in a value', `${OK}A: b\x07\r\n\r\n`],
    ['a DEL in a value', `${OK}A: b\x7f\r\n\r\n`],
    // RFC 9112 §6.3
    ['a Content-Length with a sign', `${OK}Content-Length: +5\r\n\r\nhello`],
    ['a negative Content-Length', `${OK}Content-Length: -1\r\n\r\n`],
    ['a hexadecimal Content-Length', `${OK}Content-Length: 0x5\r\n\r\nhello`],
    ['an empty Content-Length', `${OK}Content-Length:\r\n\r\n`],
    ['a Content-Length with a blank inside', `${OK}Content-Length: 1 0\r\n\r\n`],
    ['a Content-Length list', `${OK}Content-Length: 5, 5\r\n\r\nhello`],
    ['a Content-Length that a double cannot count', `${OK}Content-Length: 9007199254740993\r\n\r\nhello`],
    ['a Content-Length of far too many digits', `${OK}Content-Length: ${'9'.repeat(400)}\r\n\r\nhello`],
    ['two different Content-Lengths', `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`],
    ['Transfer-Encoding and Content-Length', `${OK}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`],
    ['Content-Length and Transfer-Encoding', `${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    // RFC 9112 §6.1
    ['a coding that is not chunked', `${OK}Transfer-Encoding: gzip\r\n\r\n`],
    ['a coding before chunked', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['chunked twice', `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['an empty coding, even where there is no body', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding:\r\n\r\n'],
    ['identity', `${OK}Transfer-Encoding: identity\r\n\r\n`],
    ['something that looks like chunked', `${OK}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['chunked in an HTTP/1.0 response', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    // RFC 9110 §15.2
    ['an interim response in HTTP/1.0', `HTTP/1.0 100 Continue\r\n\r\n${response('ok')}`],
    // RFC 9110 §15.2.2
    ['an upgrade nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
  ])('%s', async ([, bytes]) => {
    expect(await outcomeOf(bytes!)).toBe('malformed')
  })
})

describe('a response is delivered as it is:', () => {
  test.for([
    // RFC 9112 §6.3
    ['with a length', `${OK}Content-Length: 5\r\n\r\nhello`, '200 hello'],
    // RFC 9110 §8.6: 1*DIGIT
    ['with zeros before its length', `${OK}Content-Length: ${'0'.repeat(40)}5\r\n\r\nhello`, '200 hello'],
    ['with an empty body', `${OK}Content-Length: 0\r\n\r\n`, '200 '],
    ['with a length said twice alike', `${OK}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`, '200 hello'],
    ['until FIN without any length', `${OK}A: b\r\n\r\nhello`, '200 hello'],
    ['from HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nhello', '200 hello'],
    ['without a body for 204', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', '204 '],
    ['without a body for 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', '304 '],
    [
      'without a body for 304 that says chunked',
      'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n',
      '304 ',
    ],
    // RFC 9112 §4
    ['without a reason', 'HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok', '200 ok'],
    ['without the blank before no reason', 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok', '200 ok'],
    // RFC 9112 §7.1
    ['chunked', `${CHUNKED}5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`, '200 hello world'],
    ['chunked in capitals', `${OK}transfer-encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n`, '200 0123456789'],
    // RFC 9110 §15.2
    [
      'behind interim responses',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${response('ok')}`,
      '200 ok',
    ],
  ])('%s', async ([, bytes, expected]) => {
    expect(await outcomeOf(bytes!)).toBe(expected)
  })

  test.for([
    ['a length', `${OK}Content-Length: 5\r\n\r\n`],
    ['chunked', CHUNKED],
    ['neither', `${OK}\r\n`],
  ])('a response to HEAD has no body, though it says %s (RFC 9110 §9.3.2)', async ([, bytes]) => {
    expect(await outcomeOf(bytes!, 'HEAD')).toBe('200 ')
  })
})

test('a head may be cut between any two bytes', async () => {
  const bytes = `HTTP/1.1 100 Continue\r\n\r\n${response('hello', 'A: b\r\nC:\td \r\n')}`
  await using origin = await scriptedOrigin(async (connection) => {
    for (let cut = 1; cut < bytes.length; cut++) {
      await connection.request()
      await connection.send(bytes.slice(0, cut))
      await new Promise((resolve) => setImmediate(resolve))
      await connection.send(bytes.slice(cut))
    }
  })
  using client = testPool(origin.port)

  for (let cut = 1; cut < bytes.length; cut++) {
    const asked = await client.ask().over()

    expect(asked.head?.headers).toEqual(['A', 'b', 'C', 'd', 'Content-Length', '5'])
    expect(asked.body).toBe('hello')
  }
  expect(origin.connections).toHaveLength(1)
})

test('names keep their case, duplicates their order, bytes above 127 their value (RFC 9110 §5.2, §5.5)', async () => {
  await using origin = await scriptedOrigin(answering(response('', 'X-One: \xe4\xff\r\nx-one:b\r\nEmpty:\r\n')))
  using client = testPool(origin.port)

  const asked = await client.ask().over()

  expect(asked.head?.headers).toEqual(['X-One', '\xe4\xff', 'x-one', 'b', 'Empty', '', 'Content-Length', '0'])
  expect(asked.head?.reason).toBe('OK')
})

test('a Content-Length that came twice alike is passed on once (RFC 9110 §8.6)', async () => {
  await using origin = await scriptedOrigin(answering(`${OK}Content-Length: 2\r\ncontent-length: 2\r\n\r\nok`))
  using client = testPool(origin.port)

  const asked = await client.ask().over()

  expect(asked.head?.headers).toEqual(['Content-Length', '2'])
})

test('a head above the limit is too large, one at the limit is not (RFC 9110 §5.4)', async () => {
  const head = (size: number): string => `${OK}Content-Length: 0\r\nA: ${'b'.repeat(size - 43)}\r\n\r\n`
  expect(head(1000)).toHaveLength(1000)
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(head(1000))
    await connection.request()
    await connection.send(head(1001))
  })
  using client = testPool(origin.port, { maxHeadBytes: 1000 })

  expect(await client.ask().outcome()).toBe('200 ')
  expect(await client.ask().outcome()).toBe('head-too-large')
})

test('a head that never ends is too large, not a reason to wait', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(OK)
    while (!connection.isClosed) await connection.send(`A: ${'b'.repeat(500)}\r\n`)
  })
  using client = testPool(origin.port)

  expect(await client.ask().outcome()).toBe('head-too-large')
})

test('more fields than the limit are too large', async () => {
  await using origin = await scriptedOrigin(answering(`${OK}${'A: b\r\n'.repeat(51)}\r\n`))
  using client = testPool(origin.port)

  expect(await client.ask().outcome()).toBe('head-too-large')
})

test('interim responses are told, and bounded at twenty (RFC 9110 §15.2)', async () => {
  const interim = 'HTTP/1.1 103 Early Hints\r\n\r\n'
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(interim.repeat(20) + response('ok'))
    await connection.request()
    await connection.send(interim.repeat(21) + response('ok'))
  })
  using client = testPool(origin.port)

  const twenty = await client.ask().over()
  const more = await client.ask().over()

  expect(twenty.informational).toHaveLength(20)
  expect(twenty.body).toBe('ok')
  expect(more.error?.code).toBe('malformed')
})

test('trailers are told, without those that would change how the message is read (RFC 9110 §6.5.1)', async () => {
  const trailers =
    'Checksum: abc\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b\r\nGrpc-Status: 0\r\n'
  await using origin = await scriptedOrigin(answering(`${CHUNKED}2\r\nok\r\n0\r\n${trailers}\r\n`))
  using client = testPool(origin.port)

  const asked = await client.ask().over()

  expect(asked.trailers).toEqual(['Checksum', 'abc', 'Grpc-Status', '0'])
})

test('all chunks of one read are one piece', async () => {
  await using origin = await scriptedOrigin(answering(`${CHUNKED}${'3\r\nabc\r\n'.repeat(100)}0\r\n\r\n`))
  using client = testPool(origin.port)

  const asked = await client.ask().over()

  expect(asked.body).toBe('abc'.repeat(100))
  expect(asked.pieces).toBe(1)
})

test('the head says how the body ends', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(response('ok'))
    await connection.request()
    await connection.send(`${CHUNKED}0\r\n\r\n`)
    await connection.request()
    await connection.send('HTTP/1.1 204 No Content\r\n\r\n')
    await connection.request()
    await connection.send('HTTP/1.0 200 OK\r\n\r\nx')
    connection.fin()
  })
  using client = testPool(origin.port)

  const kinds = []
  for (let i = 0; i < 4; i++) {
    const { head } = await client.ask().over()
    kinds.push([head?.body.kind, head?.body.length, head?.minorVersion])
  }

  expect(kinds).toEqual([
    ['length', 2, 1],
    ['chunked', -1, 1],
    ['none', 0, 1],
    ['until-close', -1, 0],
  ])
})

test('a reset does not end a body that lasts until the connection closes (RFC 9112 §8)', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send(`${OK}\r\nhello`)
    await connection.take((text) => (text === 'x' ? 1 : -1))
  })
  using client = testPool(origin.port)

  const asked = client.ask()
  await asked.until(() => asked.body === 'hello')
  origin.connections[0]!.reset()
  await asked.over()

  expect(asked.error).toMatchObject({ code: 'incomplete', sent: true, answered: true, reused: false })
})

test('FIN before the announced length is incomplete (RFC 9112 §8)', async () => {
  expect(await outcomeOf(`${OK}Content-Length: 6\r\n\r\nhello`)).toBe('incomplete')
})

test('FIN within the head is closed, with the fact that bytes came', async () => {
  await using origin = await scriptedOrigin(async (connection) => {
    await connection.request()
    await connection.send('HTTP/1.1 200 OK\r\nA: ')
    connection.fin()
  })
  using client = testPool(origin.port)

  const { error } = await client.ask().over()

  expect(error).toMatchObject({ code: 'closed', sent: true, answered: true, reused: false })
})
