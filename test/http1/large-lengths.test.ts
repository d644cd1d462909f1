/** Bodies and chunks beyond what 32 bits count, through the parser alone: 5 GiB are not sent for this. */
import { expect, test } from 'vitest'
import { ResponseParser } from '../../src/http1/response-parser.ts'

const PIECE = Buffer.alloc(8 * 1024 * 1024)
const GIB = 1024 ** 3

/** Reads `head`, `length` bytes of body and `rest`; says how much of a body was told, and whether its end was. */
function count(head: string, length: number, rest: string) {
  const told = { bytes: 0, isComplete: false }
  const sink = {
    informational: () => {},
    head: () => {},
    body: (_: Buffer, from: number, to: number) => {
      told.bytes += to - from
    },
    complete: () => {
      told.isComplete = true
    },
  }
  const parser = new ResponseParser(sink, { maxHeadBytes: 1000, maxHeaders: 10 })
  const read = (bytes: Buffer) => parser.read(bytes, 0, bytes.length)
  parser.expect('GET')
  read(Buffer.from(`HTTP/1.1 200 OK\r\n${head}`))
  for (let left = length; left > 0; left -= PIECE.length) read(PIECE.subarray(0, left))
  expect(told).toEqual({ bytes: length, isComplete: rest === '' })
  if (rest !== '') read(Buffer.from(rest))
  return told
}

test('a chunk of 5 GiB ends where it says (RFC 9112 §7.1)', () => {
  const size = 5 * GIB

  const told = count(`Transfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n`, size, '\r\n0\r\n\r\n')

  expect(told).toEqual({ bytes: size, isComplete: true })
})

test('a body of 5 GiB ends where its length says (RFC 9110 §8.6)', () => {
  const size = 5 * GIB + 3

  const told = count(`Content-Length: ${size}\r\n\r\n`, size, '')

  expect(told).toEqual({ bytes: size, isComplete: true })
})

test.for(['20000000000000', 'fffffffffffffff0', '10000000000000005', 'f'.repeat(400)])(
  'a chunk of %s bytes is refused: counted in a double it would end elsewhere',
  (size) => {
    expect(() => count(`Transfer-Encoding: chunked\r\n\r\n${size}\r\n`, 0, '')).toThrow(
      'a chunk size that is too large',
    )
  },
)

test('the largest number that a double counts exactly may be the size of a chunk', () => {
  const head = 'Transfer-Encoding: chunked\r\n\r\n1fffffffffffff\r\n'

  expect(() => count(head, PIECE.length, 'more')).not.toThrow()
})
