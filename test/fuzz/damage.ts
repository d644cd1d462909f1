/** Valid requests, and what random edits make of them. Repeatable: the same seed gives the same bytes. */

export type Random = () => number

/** Mulberry32: small, fast, and the same everywhere. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!
}

/** Request heads and bodies; `MARK` is replaced by what tells one connection's requests from all others'. */
const requests = [
  'GET /open/MARK HTTP/1.1\r\nHost: a.example\r\n\r\n',
  'HEAD /open/MARK HTTP/1.1\r\nHost: a.example\r\n\r\n',
  'GET http://a.example/open/MARK?x=1 HTTP/1.1\r\nHost: b\r\nAccept: */*\r\n\r\n',
  'GET /open/MARK HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'GET /admin/MARK HTTP/1.1\r\nHost: a.example\r\n\r\n',
  'GET /open/../admin/MARK HTTP/1.1\r\nHost: a.example\r\n\r\n',
  'GET /admin/MARK HTTP/1.1\r\nHost: a.example\r\nX-Api-Key: key\r\nX-Consumer: root\r\n\r\n',
  'GET /kept/MARK HTTP/1.1\r\nHost: a.example\r\n\r\n',
  'POST /open/MARK HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello',
  'POST /open/MARK HTTP/1.1\r\nHost: a.example\r\nContent-Length: 49\r\n\r\nGET /admin/MARK HTTP/1.1\r\nHost: a.example\r\n\r\n    ',
  'POST /open/MARK HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'POST /open/MARK HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3;a=b\r\nabc\r\n0\r\nX-T: 1\r\n\r\n',
  'POST /admin/MARK HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc',
  'PUT /open/MARK HTTP/1.1\r\nHost: a.example\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n',
  'GET /open/MARK HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n',
  'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n',
]

const pieces = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  ' ',
  '\t',
  '\x0b',
  '\x7f',
  '\x80',
  '\xff',
  ':',
  ';',
  ',',
  '/',
  '//',
  '..',
  '/../',
  '%2e',
  '%2f',
  '%5c',
  '\\',
  '%00',
  '%',
  '?',
  '#',
  '0',
  '1',
  '5',
  'f',
  '-',
  '+',
  '0x',
  '99999999999999999999',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: x\r\n',
  'Host: c\r\n',
  ' chunked',
  'chunked, ',
  'HTTP/1.0',
  'HTTP/2.0',
  'Connection: close\r\n',
  'X-Consumer: root\r\n',
  'X_Consumer: root\r\n',
  'Connection: x-forwarded-for\r\n',
  '\r\n x: y',
  '0\r\n\r\n',
  'GET /admin/x HTTP/1.1\r\nHost: a\r\n\r\n',
]

/** One to four requests, one after the other, with up to four edits. */
export function damaged(random: Random, mark: string): string {
  const count = 1 + Math.floor(random() * 4)
  let text = ''
  for (let i = 0; i < count; i++) text += pick(random, requests)
  for (let edits = Math.floor(random() * 5); edits > 0; edits--) text = edited(random, text)
  return text.replaceAll('MARK', mark)
}

function edited(random: Random, text: string): string {
  const at = Math.floor(random() * (text.length + 1))
  const length = 1 + Math.floor(random() * 4)
  switch (Math.floor(random() * 6)) {
    case 0:
      return text.slice(0, at) + text.slice(at + length)
    case 1:
      return text.slice(0, at) + pick(random, pieces) + text.slice(at)
    case 2:
      return text.slice(0, at) + String.fromCharCode(Math.floor(random() * 256)) + text.slice(at + 1)
    case 3:
      return text.slice(0, at) + pick(random, pieces) + text.slice(at + length)
    case 4: {
      const end = at + Math.floor(random() * 40)
      return text.slice(0, end) + text.slice(at, end) + text.slice(end)
    }
    default: {
      const other = Math.floor(random() * (text.length + 1))
      return text.slice(0, at) + text.slice(other, other + 20) + text.slice(at)
    }
  }
}
