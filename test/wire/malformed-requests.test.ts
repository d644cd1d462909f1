import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type Origin, startOrigin } from '../support/origin.ts'
import { exchange, openWire, statusOf } from '../support/wire.ts'

let origin: Origin
let gateway: TestGateway

beforeAll(async () => {
  origin = await startOrigin()
  gateway = await startGateway(`
limits: { requestLine: 2KiB, headerBytes: 4KiB, headers: 20 }
routes:
  all: { match: /*, upstream: "${origin.url}", public: "test" }
`)
})

afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await origin[Symbol.asyncDispose]()
})

const host = 'Host: a.example\r\n'
const post = (headers: string, body = '') => `POST / HTTP/1.1\r\n${host}${headers}\r\n${body}`
const get = (target: string, headers = '') => `GET ${target} HTTP/1.1\r\n${host}${headers}\r\n`

describe('a request that is not HTTP is refused and never forwarded', () => {
  test.for([
    // RFC 9112 §6.3: what frames a body must mean one thing.
    ['two equal lengths', 400, post('Content-Length: 1\r\nContent-Length: 1\r\n', 'a')],
    ['two different lengths', 400, post('Content-Length: 1\r\nContent-Length: 2\r\n', 'ab')],
    ['a list of lengths', 400, post('Content-Length: 1, 1\r\n', 'a')],
    ['a signed length', 400, post('Content-Length: +1\r\n', 'a')],
    ['a negative length', 400, post('Content-Length: -1\r\n', 'a')],
    ['a hexadecimal length', 400, post('Content-Length: 0x1\r\n', 'a')],
    ['an empty length', 400, post('Content-Length:\r\n')],
    ['a length beyond every number', 400, post('Content-Length: 99999999999999999999\r\n')],
    ['a length beside chunked', 400, post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    ['chunked beside a length', 400, post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n')],
    ['chunked twice', 400, post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    ['chunked not last', 400, post('Transfer-Encoding: chunked, gzip\r\n', '0\r\n\r\n')],
    ['identity', 501, post('Transfer-Encoding: identity\r\n')],
    ['a coding that only contains chunked', 501, post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n')],
    ['a blank before the colon', 400, post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n')],
    ['a vertical tab before chunked', 400, post('Transfer-Encoding:\x0bchunked\r\n', '0\r\n\r\n')],
    ['another coding before chunked', 501, post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n')],
    ['HTTP/1.0 with chunked', 400, `POST / HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    // RFC 9112 §5: field lines.
    ['obs-fold', 400, get('/', 'X-A: b\r\n c\r\n')],
    ['a blank before the first field', 400, `GET / HTTP/1.1\r\n ${host}\r\n`],
    ['bare LF ends', 400, 'GET / HTTP/1.1\nHost: a.example\n\n'],
    ['one bare LF', 400, 'GET / HTTP/1.1\r\nHost: a.example\nX-A: b\r\n\r\n'],
    ['a bare CR in a value', 400, get('/', 'X-A: b\rc\r\n')],
    ['NUL in a value', 400, get('/', 'X-A: b\0c\r\n')],
    ['a control byte in a value', 400, get('/', 'X-A: b\x01c\r\n')],
    ['DEL in a value', 400, get('/', 'X-A: b\x7fc\r\n')],
    ['an empty field name', 400, get('/', ': b\r\n')],
    ['a blank in a field name', 400, get('/', 'X A: b\r\n')],
    ['a line without colon', 400, get('/', 'nonsense\r\n')],
    // RFC 9112 §3.2: Host.
    ['no Host', 400, 'GET / HTTP/1.1\r\n\r\n'],
    ['two Hosts', 400, get('/', 'Host: b.example\r\n')],
    ['two equal Hosts', 400, get('/', 'Host: a.example\r\n')],
    ['an empty Host', 400, 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
    ['a Host with a path', 400, 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'],
    ['a Host with userinfo', 400, 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n'],
    ['a Host with two names', 400, 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n'],
    ['a Host with a port that is none', 400, 'GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n'],
    ['a Host that is no address', 400, 'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n'],
    ['a Host with an encoded byte', 400, 'GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n'],
    // RFC 9112 §2.3 and §3: version and request line.
    ['HTTP/0.9', 400, `GET / HTTP/0.9\r\n${host}\r\n`],
    ['HTTP/2.0', 400, `GET / HTTP/2.0\r\n${host}\r\n`],
    ['HTTP/1.2', 400, `GET / HTTP/1.2\r\n${host}\r\n`],
    ['a lower-case protocol name', 400, `GET / http/1.1\r\n${host}\r\n`],
    ['a blank after the version', 400, `GET / HTTP/1.1 \r\n${host}\r\n`],
    ['a blank in the target', 400, get('/a b')],
    ['tabs for blanks', 400, `GET\t/\tHTTP/1.1\r\n${host}\r\n`],
    ['a method in lower case', 400, `get / HTTP/1.1\r\n${host}\r\n`],
    ['an unknown method', 400, `FOO / HTTP/1.1\r\n${host}\r\n`],
    ['the HTTP/2 preface', 400, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    // RFC 9112 §3.2: forms of the target.
    ['a relative target', 400, get('a')],
    ['an asterisk for GET', 400, get('*')],
    ['an absolute target of another scheme', 400, get('ftp://a.example/')],
    ['an absolute target with userinfo', 400, get('http://user@a.example/')],
    ['a fragment', 400, get('/a#b')],
    ['a fragment in the query', 400, get('/a?b#c')],
    ['bytes above ASCII in the target', 400, get('/\xe9')],
    // CONTRACT, "Path".
    ['a backslash', 400, get('/a\\b')],
    ['an encoded backslash', 400, get('/a%5Cb')],
    ['an encoded NUL', 400, get('/a%00')],
    ['an encoded newline', 400, get('/a%0d%0ab')],
    ['a malformed percent-encoding', 400, get('/a%zz')],
    ['overlong UTF-8', 400, get('/a%c0%af')],
    ['a path above the root', 400, get('/../a')],
    ['an encoded path above the root', 400, get('/%2e%2e/a')],
    ['an encoded slash', 400, get('/a%2Fb')],
    ['an encoded slash beside dots', 400, get('/a/..%2Fb')],
    // Bounds.
    ['a request line over its limit', 414, get(`/${'a'.repeat(3000)}`)],
    ['fields over their limit', 431, get('/', `X-A: ${'a'.repeat(5000)}\r\n`)],
    ['too many fields', 431, get('/', 'X-A: b\r\n'.repeat(30))],
    ['a head over every limit', 431, get('/', `X-A: ${'a'.repeat(70_000)}\r\n`)],
    ['an unknown expectation', 417, get('/', 'Expect: tea\r\n')],
    ['CONNECT', 405, `CONNECT a.example:443 HTTP/1.1\r\n${host}\r\n`],
    ['TRACE', 405, `TRACE / HTTP/1.1\r\n${host}\r\n`],
  ] as const)('%s', async ([, status, bytes]) => {
    const before = origin.requests.length

    const answer = await exchange(gateway.port, bytes)

    expect(statusOf(answer)).toBe(status)
    expect(answer).toMatch(/^content-type: application\/problem\+json\r$/im)
    expect(answer).toMatch(/"code":"[a-z-]+"/)
    expect(origin.requests.length).toBe(before)
  })

  test.for([
    ['a chunk size that is not hexadecimal', '0x1\r\na\r\n0\r\n\r\n'],
    ['a chunk longer than its size', '1\r\nab\r\n0\r\n\r\n'],
    ['a chunk ended by a bare LF', '1\na\n0\n\n'],
    ['a negative chunk size', '-1\r\na\r\n0\r\n\r\n'],
    ['a chunk size beyond every number', 'fffffffffffffffff\r\na\r\n0\r\n\r\n'],
  ] as const)('%s breaks the upload off', async ([, body]) => {
    const answer = await exchange(gateway.port, post('Transfer-Encoding: chunked\r\n', body))

    expect(statusOf(answer)).toBe(400)
  })
})

describe('a request that is only unusual is made safe', () => {
  test.for([
    ['/public/%2e%2e/admin', '/admin'],
    ['/%61dmin', '/admin'],
    ['/./admin', '/admin'],
    ['//admin', '/admin'],
    ['/a/../admin', '/admin'],
    ['/admin?x=%2e%2e//', '/admin?x=%2e%2e//'],
    ['http://b.example/admin', '/admin'],
    ['http://b.example?x', '/?x'],
    ['/?', '/'],
  ] as const)('%s reaches the origin as %s', async ([target, url]) => {
    const answer = await exchange(gateway.port, get(target))

    expect(statusOf(answer)).toBe(200)
    expect(origin.requests.at(-1)!.url).toBe(url)
  })

  test('the authority of an absolute target replaces Host', async () => {
    await exchange(gateway.port, get('http://b.example:81/x'))

    expect(origin.requests.at(-1)!.headers.host).toBe('b.example:81')
  })

  test('HTTP/1.0 without Host is served by a route without host', async () => {
    const answer = await exchange(gateway.port, 'GET / HTTP/1.0\r\n\r\n')

    expect(statusOf(answer)).toBe(200)
  })

  test.for([
    'Connection: x-forwarded-for, x-request-id, via, host',
    'Connection: keep-alive\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: gzip\r\nUpgrade: foo',
    'X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-Host: evil',
    'X_Forwarded_For: 6.6.6.6\r\nX-Consumer: admin\r\nX_Consumer: admin\r\nX-Consumer-Groups: root\r\nProxy: evil',
  ])('%j cannot name away or forge what the gateway says', async (headers) => {
    await exchange(gateway.port, get('/', `${headers}\r\n`))

    const seen = origin.requests.at(-1)!
    expect(seen.headers['x-forwarded-for']).toBe('127.0.0.1')
    expect(seen.headers['x-forwarded-host']).toBe('a.example')
    expect(seen.headers.host).toBe('a.example')
    expect(seen.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(seen.headers.via).toMatch(/^1\.1 /)
    const names = Object.keys(seen.headers)
    for (const gone of [
      'keep-alive',
      'te',
      'upgrade',
      'forwarded',
      'x-real-ip',
      'x_forwarded_for',
      'x-consumer',
      'x_consumer',
      'x-consumer-groups',
      'proxy',
      'proxy-connection',
    ]) {
      expect(names).not.toContain(gone)
    }
  })

  test('OPTIONS * is answered by the gateway with 204', async () => {
    const before = origin.requests.length

    expect(statusOf(await exchange(gateway.port, `OPTIONS * HTTP/1.1\r\n${host}\r\n`))).toBe(204)
    expect(origin.requests.length).toBe(before)
  })

  test('pipelined requests are answered in order', async () => {
    const wire = await openWire(gateway.port)
    wire.send(get('/1') + get('/2') + get('/3', 'Connection: close\r\n'))

    const answers = await wire.closed()

    expect([...answers.matchAll(/"url":"(\/\d)"/g)].map((match) => match[1])).toEqual(['/1', '/2', '/3'])
  })

  test('bad bytes after a good request do not touch its answer', async () => {
    const wire = await openWire(gateway.port)
    wire.send(`${get('/good')}nonsense\r\n\r\n`)

    const answers = await wire.closed()

    expect(answers).toMatch(/^HTTP\/1\.1 200 [\s\S]*"url":"\/good"[\s\S]*HTTP\/1\.1 400 /)
  })
})
