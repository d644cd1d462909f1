import { createServer, type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PlainHeadReader } from '../../src/listener/plain-head.ts'

const limits = { maxHeadBytes: 16 * 1024, maxHeaders: 100, maxTarget: 8192 }
const read = (text: string) => new PlainHeadReader(limits).read(Buffer.from(text, 'latin1'))

test('a target longer than allowed is not plain before its end has come', () => {
  expect(read(`GET /${'a'.repeat(8191)}`)).toBe('more')
  expect(read(`GET /${'a'.repeat(8192)}`)).toBe('not-plain')
})

test('a plain head is read whole', () => {
  expect(read('GET /a?b=c HTTP/1.1\r\nHost: a\r\nX-Y:  z \r\n\r\nGET')).toEqual({
    method: 'GET',
    url: '/a?b=c',
    fields: ['Host', 'a', 'X-Y', 'z'],
    length: 0,
    end: 42,
  })
})

test.for([
  ['Content-Length: 0', 0],
  ['content-length: 3', 3],
  ['Content-Length: 999999999999999', 999_999_999_999_999],
] as const)('%s is a body of that many bytes', ([field, length]) => {
  expect(read(`POST / HTTP/1.1\r\nHost: a\r\n${field}\r\n\r\n`)).toMatchObject({ length })
})

test.for([
  ['HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\n\r\n'],
  ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'],
  ['a lower-case version', 'GET / http/1.1\r\nHost: a\r\n\r\n'],
  ['two blanks in the request line', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['two blanks before the version', 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a tab in the request line', 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an absolute target', 'GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an asterisk', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a method of its own', 'PURGE / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a method in lower case', 'get / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a byte above ASCII in the target', 'GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a control byte in the target', 'GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a line feed alone', 'GET / HTTP/1.1\nHost: a\r\n\r\n'],
  ['a field line that ends with a line feed alone', 'GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n'],
  ['a folded field', 'GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n'],
  ['a blank before a colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
  ['a NUL in a value', 'GET / HTTP/1.1\r\nHost: a\0\r\n\r\n'],
  ['an empty line first', '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a length twice', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n'],
  ['a length with a sign', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n'],
  ['a length with a zero in front', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 01\r\n\r\n'],
  ['a length in a list', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n'],
  ['a length that is empty', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n'],
  ['a length of 16 digits', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000000\r\n\r\n'],
  [
    'a length beside a transfer coding',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  ],
  ['a transfer coding', 'POST / HTTP/1.1\r\nHost: a\r\nTRANSFER-ENCODING: chunked\r\n\r\n'],
  ['an upgrade', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n'],
  ['an expectation', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n'],
  ['a connection that closes', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
  ['a nominated field', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x-a\r\n\r\n'],
  ['too large a head', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(17_000)}\r\n\r\n`],
  ['too many fields', `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(101)}\r\n`],
] as const)('%s is not plain', ([, bytes]) => {
  expect(read(bytes)).toBe('not-plain')
})

test('a plain head is asked for more at every cut, and is the same when it has come', () => {
  const whole = 'DELETE /a HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n'
  for (let cut = 0; cut < whole.length; cut++) expect([cut, read(whole.slice(0, cut))]).toEqual([cut, 'more'])
  expect(read(whole)).toMatchObject({ method: 'DELETE', end: whole.length })
})

/** What Node's own parser makes of the bytes; null if it does not take them for one request, without a body or with a length. */
function oracle(bytes: Buffer): Promise<{ method: string; url: string; fields: string[]; length: number } | null> {
  return new Promise((resolve) => {
    const server = createServer({ requireHostHeader: false })
    server.maxHeadersCount = 0
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
    server.on('request', (raw: IncomingMessage) => {
      const { method, url, rawHeaders: fields, httpVersion } = raw
      const length = Number(raw.headers['content-length'] ?? 0)
      const isOther = raw.headers['transfer-encoding'] !== undefined || httpVersion !== '1.1'
      resolve(isOther ? null : { method: method!, url: url!, fields, length })
      socket.destroy()
    })
    for (const event of ['clientError', 'connect', 'upgrade', 'checkContinue', 'checkExpectation'])
      server.on(event, () => {
        resolve(null)
        socket.destroy()
      })
    server.emit('connection', socket)
    socket.push(bytes)
    socket.push(null)
  })
}

test('whatever is read as plain, Node’s parser reads the same', async () => {
  const piece = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom('GET', 'POST', ' ', '/', '/a%2e', '?b', 'HTTP/1.1', '\r\n', 'Host: a', 'X-A:', ' v\t'),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '\n',
        '\r',
        '\0',
        ':',
        'HTTP/1.0',
        'Upgrade: x',
        'Content-Length: 1',
        'content-length:',
        '12',
        '\x80',
        '\t',
        ' \r\n',
      ),
    },
  )
  const line = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''))
  const request = fc
    .tuple(
      fc.constantFrom('GET /x HTTP/1.1', 'DELETE /%20?q=1 HTTP/1.1', 'GET / HTTP/1.1 '),
      fc.array(line, { maxLength: 4 }),
    )
    .map(([first, lines]) => `${[first, 'Host: a', ...lines].join('\r\n')}\r\n\r\n`)
  let plain = 0
  const property = fc.asyncProperty(request, async (text) => {
    const bytes = Buffer.from(text, 'latin1')
    const head = new PlainHeadReader(limits).read(bytes)
    if (typeof head === 'string') return
    plain++
    expect(await oracle(bytes.subarray(0, head.end))).toEqual({
      method: head.method,
      url: head.url,
      fields: head.fields,
      length: head.length,
    })
  })
  await fc.assert(property, { numRuns: 2000, seed: 20_261_121 })

  expect(plain).toBeGreaterThan(200)
})
